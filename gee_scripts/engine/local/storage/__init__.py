"""Cloud Storage over a folder: objects, uploads and the JSON API that google-cloud-storage speaks."""
