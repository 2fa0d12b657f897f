"""One embedded Earth Engine: its state, the routes that answer from it, and what ends an answer early.

Each group of routes is a module beside this one, named after what it answers: `values`, `pixels`, `maps`, `tables`,
`assets`, `operations`; its `answers` says which of `discovery.ROUTES` are its.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from agrispec.errors import AgrispecError
from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.assets.catalog import TreeCatalog
from gee_scripts.engine.local.assets.tree import Assets
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.operations.journal import Journal
from gee_scripts.engine.local.operations.queue import TaskQueue
from gee_scripts.engine.local.operations.tasks import Cancelled
from gee_scripts.engine.local.rasters.raster import GO_ON
from gee_scripts.engine.local.refusals import Refusal, inside, refusal_of
from gee_scripts.engine.local.rest.assets import AssetRoutes
from gee_scripts.engine.local.rest.calls import Answer, Answers, Call
from gee_scripts.engine.local.rest.discovery import Route
from gee_scripts.engine.local.rest.fields import checked
from gee_scripts.engine.local.rest.maps import MapRoutes
from gee_scripts.engine.local.rest.named_requests import NamedRequests
from gee_scripts.engine.local.rest.operations import OperationRoutes
from gee_scripts.engine.local.rest.paging import Results
from gee_scripts.engine.local.rest.pixels import PixelRoutes
from gee_scripts.engine.local.rest.tables import TableRoutes
from gee_scripts.engine.local.rest.values import ValueRoutes


class _TimedOut(BaseException):
    """An answer takes longer than the service allows; no Exception, as `Cancelled` is none."""


class Service:
    """The state of one embedded Earth Engine, and its answers.

    `answer` may be called from several threads. What an earlier server of the folder was asked to do is gone on with.

    Attributes:
        tree: the assets and buckets.
        journal: what outlives the server.

    Raises:
        EngineError: another server serves the folder.
        StorageError: the folder cannot be written.
    """

    def __init__(self, root: Path, project: str, limits: Limits) -> None:
        self.journal = Journal(root)
        if self.journal.killed:
            self.journal.sweep()
        self.tree = AssetTree(root)
        self._limits = limits
        self._queue = TaskQueue(project, limits, self.journal)
        self._closing = threading.Event()
        catalog, assets, named = TreeCatalog(self.tree), Assets(self.tree), NamedRequests()
        results = Results(catalog)
        operations = OperationRoutes(self.tree, catalog, assets, self._queue, limits)
        self._answers: Answers = {
            **ValueRoutes(catalog, results, limits).answers, **PixelRoutes(self.tree, catalog, limits).answers,
            **MapRoutes(catalog, named, limits).answers, **TableRoutes(catalog, results, named).answers,
            **AssetRoutes(self.tree, assets).answers, **operations.answers}
        self._queue.resume(operations.work_again)

    def answer(self, route: Route, call: Call) -> Answer:
        """The answer to a request.

        Raises:
            Refusal: it is answered by an error.
        """
        answer = self._answers.get(route.id)
        if answer is None:
            raise Refusal(400, f"The local engine does not make what {route.id.removeprefix('projects.')} asks for: "
                               "pictures and tables, no videos, map exports or saved classifiers.")
        end = time.monotonic() + self._limits.seconds

        def go_on() -> None:
            if self._closing.is_set():
                raise Cancelled
            if time.monotonic() > end:
                raise _TimedOut

        before = GO_ON.set(go_on)
        try:
            pages = checked({name: value for name, value in call.query.items() if name.startswith("page")})
            return answer(replace(call, query={**call.query, **pages}, body=checked(call.body)))
        except Cancelled as error:
            raise Refusal(400, "The local engine was stopped.") from error
        except _TimedOut as error:
            raise Refusal(400, "Computation timed out.") from error
        except AgrispecError as error:
            refusal = refusal_of(error)
            raise Refusal(refusal.code, inside(self.tree.root, refusal.message)) from error
        except Refusal as refusal:
            raise Refusal(refusal.code, inside(self.tree.root, refusal.message)) from refusal.__cause__
        except KeyError as error:
            raise Refusal(400, f"Request lacks the field {error}.") from error
        except RecursionError as error:
            raise Refusal(400, "The request or its answer is nested too deeply.") from error
        except MemoryError as error:
            raise Refusal(400, "User memory limit exceeded.") from error
        finally:
            GO_ON.reset(before)

    def close(self) -> None:
        """Stop what is under way, tasks and answers, at their next array; then let the folder go."""
        self._closing.set()
        self._queue.close()
        self.journal.close()
