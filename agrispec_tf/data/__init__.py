"""From records to batches: samples, preparation, augmentation, pipeline."""
