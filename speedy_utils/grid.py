"""Many runs: students × tasks × settings × seeds, on this machine or on a Ray cluster; none is lost, none done twice.

    jobs = plan(["ALBETO tiny"], ["ner"], teachers={"ner": "runs/teacher"}, grid="paper", seeds=[1, 2])
    run_grid(jobs, "runs/grid")

A store is a folder with a run's folder for each run (see `training`), named by what was asked for, and `grid.json`,
which says what all of them share. A run is finished when its folder holds the scores; that file is written last and
whole. So whatever is killed, and when: the runs that were finished are there, and the same call does the others, from
their last whole checkpoint. Processes that find a run in work at another one's hands wait for it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speedy_utils.errors import unknown_name
from speedy_utils.files import UNFINISHED, file_digest, write_json
from speedy_utils.systems import check_counts, get_system
from speedy_utils.tasks import get_task, lower_is_better

if TYPE_CHECKING:
    import datasets

Values = Mapping[str, Any]

# The authors' grid of distillation: their README's recipe, 6 runs for each student and task.
DISTILLATION_GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "paper": {"learning_rate": (5e-5, 1e-4), "batch_size": (16, 32, 64)},
}
# What an Optuna search draws from: a pair is a range of the logarithm, a list a choice.
SEARCH_SPACES: dict[str, dict[str, tuple[float, float] | list[Any]]] = {
    "paper": {"learning_rate": (1e-5, 3e-4), "batch_size": [16, 32, 64], "temperature": (0.5, 8.0)},
    "mini": {"learning_rate": (3e-4, 4e-3), "batch_size": [8, 16, 32], "temperature": (0.5, 8.0)},
}
# What a loss measures depends on these: runs that differ in them are chosen by the metric.
OF_THE_LOSS = ("loss", "temperature", "gold_weight")
SCORED, SHARED, FAILED = "evaluation-test.json", "grid.json", "failed.json"
WEIGHTS = ("*.safetensors", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "spiece.model")
PATIENCE = 2  # how often the same run may take its process down with it before it counts as failed


@dataclass(frozen=True)
class Job:
    """One run that is asked for; without a teacher it is a fine-tuning.

    `settings` are those of `fine_tune` and `distill`, the seed among them. `teacher` is as in `plan`; `source` and
    `files` say where models and examples come from.
    """

    student: str
    task: str
    settings: tuple[tuple[str, Any], ...]
    teacher: str | None = None
    source: str = "mini"
    files: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The name of the run's folder: readable, and different for different jobs."""
        content = json.dumps([self.student, self.task, sorted(self.settings), self.teacher, self.source, self.files])
        digest = hashlib.sha256(content.encode()).hexdigest()[:10]
        return f"{self.student.lower().replace(' ', '-')}-{self.task}-{digest}"


@dataclass(frozen=True)
class Search:
    """A student on a task whose settings Optuna looks for: `trials` runs, one after the other.

    The next settings follow from the seed and from what is in the store, so an interrupted search goes on as it would
    have gone. `space` has for each setting a range (low, high), drawn by its logarithm, or a list of choices.
    """

    job: Job
    space: tuple[tuple[str, Any], ...]
    trials: int
    seed: int = 0


@dataclass
class Progress:
    """How far a grid is: runs that are done, failed and asked for, and what they cost."""

    asked: int
    done: int = 0
    failed: int = 0
    found: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def line(self, run: Values) -> str:
        """What to print when a run is over."""
        finished = self.done + self.failed
        new = finished - self.found
        left = (time.monotonic() - self.began) / new * (self.asked - finished) if new else 0.0
        return (
            f"{finished:4}/{self.asked}  {run['name']:44} {run['text']:24} {run['seconds']:7.1f} s   "
            f"{_duration(left)} left, {self.seconds / 3600:.2f} hours of computing so far"
        )


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def plan(
    students: Sequence[str],
    tasks: Sequence[str],
    *,
    teachers: Mapping[str, str] | None = None,
    grid: str | Mapping[str, Sequence[Any]] | None = None,
    seeds: Sequence[int] = (42,),
    source: str = "mini",
    files: Mapping[str, str] | None = None,
    **settings: Any,  # noqa: ANN401 -- settings that all runs share
) -> list[Job]:
    """The jobs of a grid, one seed after the other, so that an early stop leaves whole tables.

    `grid` has values for settings, or is "paper", that of the paper for fine-tuning or distillation. Runs of different
    losses or temperatures keep their epochs by the metric. `teachers` names one for each task: the folder of a run, or
    a system, whose published model teaches (at mini it is fine-tuned first). Without teachers the students are
    fine-tuned. Raises ValueError for unknown names and for a task without a teacher where others have one.
    """
    if isinstance(grid, str):
        from speedy_utils.training import GRIDS

        known = DISTILLATION_GRIDS if teachers else GRIDS
        if grid not in known:
            raise ValueError(unknown_name("grid", grid, list(known)))
        grid = known[grid]
    for name in tasks:
        if teachers and name not in teachers:
            raise ValueError(f"Who teaches {get_task(name).title}? Name a teacher for each task, or for none.")
    settings = _comparable(settings, grid or {})
    points = [dict(zip(grid or {}, values, strict=True)) for values in itertools.product(*(grid or {}).values())]
    return [
        Job(
            get_system(student).name,
            get_task(task).name,
            tuple(sorted({**settings, **point, "seed": seed}.items())),
            teachers and str(teachers[task]),
            source,
            tuple(sorted((files or {}).items())),
        )
        for seed in seeds
        for task in tasks
        for student in students
        for point in points
    ]


def _comparable(settings: Values, varied: Iterable[str]) -> dict[str, Any]:
    """Settings under which the validation figures of runs that differ in `varied` can be compared."""
    changing = [name for name in OF_THE_LOSS if name in varied]
    if changing and settings.get("select", "metric") != "metric":
        raise ValueError(
            f"Runs that differ in {changing[0]} have different losses: choose them with select='metric', "
            f"not {settings['select']!r}."
        )
    return {**settings, "select": "metric"} if changing else dict(settings)


# One run


def run_job(job: Job, store: str | Path, keep_models: bool = False) -> dict[str, Any]:
    """Does a job, unless the store has it; gives {"name", "text", "seconds", "found", "failed"}.

    A run that cannot work (a loss that is not a number, unknown settings) is kept as failed, with its sentence. What
    may work another time (a full disk, a hub that does not answer) is raised as OSError.
    """
    from filelock import FileLock

    folder = Path(store) / job.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        found = _finished(folder)
        if found is None:
            started = time.monotonic()
            try:
                _do(job, folder)
            except (ValueError, RuntimeError) as error:
                _set_failed(folder, job, str(error), time.monotonic() - started)
            found = _finished(folder)
            found["found"] = False
        if not keep_models and not found["failed"]:
            for pattern in WEIGHTS:
                for path in folder.glob(pattern):
                    path.unlink()
    return found | {"name": job.name}


def _do(job: Job, folder: Path) -> None:
    from speedy_utils.distillation.trainer import distill
    from speedy_utils.evaluation import evaluate, write_predictions
    from speedy_utils.readers import load_task
    from speedy_utils.training import fine_tune

    if job.files:
        data = load_task(job.task, "files", dict(job.files), report=None)
    else:
        data = load_task(job.task, job.source, report=None)
    settings = {**dict(job.settings), "data": data, "source": job.source, "output": folder}
    if job.teacher is None:
        run = fine_tune(job.student, job.task, **settings)
    else:
        teacher = _teacher(job, data, folder.parent)
        run = distill(job.student, teacher, job.task, cache=folder.parent / "answers", **settings)
    split = "test" if "test" in data else "validation"
    scored = evaluate(run, split=split)
    write_predictions(scored, folder / f"predictions-{split}.jsonl")
    write_json(folder / SCORED, scored.summary())  # the last file: with it the run counts as finished


def _teacher(job: Job, data: datasets.DatasetDict, store: Path) -> str | Path:
    """The teacher that a job names; nobody published stand-ins, so at mini a system is fine-tuned first, once."""
    from filelock import FileLock

    from speedy_utils.training import fine_tune

    if job.source != "mini" or Path(job.teacher).is_dir():
        return job.teacher
    folder = store / "teachers" / f"{get_system(job.teacher).name.lower().replace(' ', '-')}-{job.task}"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        if not folder.exists():
            fine_tune(job.teacher, job.task, data=data, source="mini", seed=0, output=folder)
    return folder


def _finished(folder: Path) -> dict[str, Any] | None:
    """What a finished run found out, or None."""
    if (folder / FAILED).exists():
        failed = json.loads((folder / FAILED).read_text(encoding="utf-8"))
        return {"text": f"failed: {failed['error']}", "seconds": failed["seconds"], "found": True, "failed": True}
    if not (folder / SCORED).exists():
        return None
    scored = json.loads((folder / SCORED).read_text(encoding="utf-8"))
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    name, value = next(iter(scored["metrics"].items()))
    return {"text": f"{name} {value:.2f}", "seconds": record["seconds"], "found": True, "failed": False}


def _set_failed(folder: Path, job: Job, error: str, seconds: float) -> None:
    shutil.rmtree(folder.with_name(folder.name + UNFINISHED), ignore_errors=True)
    write_json(folder / FAILED, {"job": job.name, "settings": dict(job.settings), "error": error, "seconds": seconds})


def run_search(search: Search, store: str | Path, keep_models: bool = False) -> list[dict[str, Any]]:
    """All trials of a search. Those that are in the store already are told to Optuna, not run again."""
    try:
        import optuna
    except ImportError:
        raise ValueError("Optuna is not installed: say pip install 'speedy-gonzales-book[search]'.") from None

    from speedy_utils.training import default_settings as tuned
    from speedy_utils.training import settings_from

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [name for name, _ in search.space]
    job = replace(search.job, settings=tuple(sorted(_comparable(dict(search.job.settings), names).items())))
    done = []
    if job.teacher is not None:
        from speedy_utils.distillation.trainer import default_settings as tuned
    decides = settings_from(tuned(job.task, job.source), dict(job.settings)).selected_by(get_task(job.task))
    study = optuna.create_study(direction="minimize" if lower_is_better(decides) else "maximize")
    for number in range(search.trials):
        # A sampler for each trial: its draw depends on the seed, the trial and what was found before, and nothing else.
        study.sampler = optuna.samplers.TPESampler(seed=search.seed * 10_007 + number)
        trial = study.ask()
        drawn = {
            name: trial.suggest_float(name, *values, log=True)
            if isinstance(values, tuple)
            else trial.suggest_categorical(name, values)
            for name, values in search.space
        }
        one = replace(job, settings=tuple(sorted({**dict(job.settings), **drawn}.items())))
        found = run_job(one, store, keep_models)
        done.append(found)
        if found["failed"]:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            record = json.loads((Path(store) / one.name / "run.json").read_text(encoding="utf-8"))
            study.tell(trial, record["validation"][decides])
    return done


# All runs


def run_grid(
    jobs: Sequence[Job | Search],
    store: str | Path,
    *,
    workers: int = 1,
    keep_models: bool = False,
    ray: bool = False,
    address: str | None = None,
    gpus_per_run: float = 0.0,
    report: Callable[[str], None] | None = print,
) -> Progress:
    """Does all jobs that the store does not have, `workers` at a time, and tells `report` of each.

    With `ray` they run on a Ray cluster: a local one with so many workers, or the one at `address`, whose machines must
    see the store under the same path. Raises ValueError for a store of another grid, OSError for a run that could not
    be done now; the others are done first.
    """
    check_counts(workers=workers)
    store = Path(store).resolve()
    claim_store(store, jobs)
    progress = Progress(sum(job.trials if isinstance(job, Search) else 1 for job in jobs))
    say = report or (lambda _: None)
    run = _on_ray if ray else _on_this_machine
    options = {"address": address, "gpus": gpus_per_run} if ray else {}
    trouble: list[str] = []
    for outcome in run(jobs, store, keep_models, workers, **options):
        if isinstance(outcome, str):
            trouble.append(outcome)
            say(outcome)
            continue
        for one in outcome:
            progress.done += not one["failed"]
            progress.failed += one["failed"]
            progress.found += one["found"]
            progress.seconds += one["seconds"]
            say(progress.line(one))
    if trouble:
        raise OSError(f"{len(trouble)} of {progress.asked} runs are still to do, the last because: {trouble[-1]}")
    return progress


def claim_store(store: Path, jobs: Sequence[Job | Search]) -> None:
    """Notes in the store what its runs share, or raises ValueError where it holds runs of another grid."""
    from speedy_utils import __version__

    every = [job.job if isinstance(job, Search) else job for job in jobs]
    if not every:
        raise ValueError("There is nothing to run: name students and tasks.")
    teachers: dict[str, str | None] = {}
    for job in every:
        teachers[job.task] = job.teacher
    shared = {
        "version": __version__,
        "source": every[0].source,
        "files": dict(every[0].files),
        "content": {split: _digest_of(path) for split, path in every[0].files},
        "route": "fine-tuning" if every[0].teacher is None else "distillation",
    }
    path = store / SHARED
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        for name, value in shared.items():
            if known["shared"].get(name) != value:
                if name == "content":
                    raise ValueError(
                        f"{store} holds runs on other data: a file has changed since; take another folder."
                    )
                raise ValueError(
                    f"{store} holds another grid: its {name} is {known['shared'][name]!r}, here it is {value!r}; "
                    "take another folder."
                )
        for task, teacher in teachers.items():
            if known["teachers"].get(task, teacher) != teacher:
                raise ValueError(
                    f"{store} holds another grid: its teacher of {get_task(task).title} is "
                    f"{known['teachers'][task]!r}, here it is {teacher!r}; take another folder."
                )
        teachers = known["teachers"] | teachers
    elif store.exists() and any(store.iterdir()):
        raise ValueError(f"{store} is no store of a grid, and not empty: take another folder.")
    write_json(path, {"shared": shared, "teachers": teachers})


def _digest_of(path: str) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise FileNotFoundError(f"{path} cannot be read ({error.strerror}): the runs are to learn from it.") from None


def _work(job: Job | Search, store: Path, keep_models: bool) -> list[dict[str, Any]] | str:
    """In a worker: the outcome of a job, or the sentence of what stood in its way."""
    try:
        return run_search(job, store, keep_models) if isinstance(job, Search) else [run_job(job, store, keep_models)]
    except OSError as error:
        return f"{(job.job if isinstance(job, Search) else job).name}: {error}"


def _leave_with(parent: int) -> None:
    """Ends this process when its parent is gone: nobody would wait for what it does, and a new grid may do it too."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_this_machine(
    jobs: Sequence[Job | Search], store: Path, keep_models: bool, workers: int
) -> Iterator[list[dict[str, Any]] | str]:
    """Outcomes as they come; a worker that is killed is replaced, and what it did is done again."""
    from multiprocessing import get_context

    def start() -> ProcessPoolExecutor:
        # A pool for each worker: a process that is killed breaks its pool, and takes no other run down with it. Each
        # starts afresh: torch's threads do not survive a fork.
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_leave_with, initargs=(os.getpid(),))

    idle = [start() for _ in range(workers)]
    waiting = deque(enumerate(jobs))
    crashes: Counter[int] = Counter()
    running: dict[Future, tuple[int, Job | Search, ProcessPoolExecutor]] = {}
    try:
        while waiting or running:
            while waiting and idle:
                (number, job), worker = waiting.popleft(), idle.pop()
                running[worker.submit(_work, job, store, keep_models)] = number, job, worker
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number, job, worker = running.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    worker.shutdown()
                    worker = start()
                    crashes[number] += 1
                    if crashes[number] <= PATIENCE:
                        waiting.appendleft((number, job))
                        continue
                    outcome = f"{_name(job)}: its process was killed {crashes[number]} times."
                finally:
                    idle.append(worker)
                yield outcome
    finally:
        for worker in [*idle, *(worker for *_, worker in running.values())]:
            worker.shutdown(cancel_futures=True)


def _name(job: Job | Search) -> str:
    return job.job.name if isinstance(job, Search) else job.name


def _on_ray(
    jobs: Sequence[Job | Search], store: Path, keep_models: bool, workers: int, address: str | None, gpus: float
) -> Iterator[list[dict[str, Any]] | str]:
    try:
        import ray
    except ImportError:
        raise ValueError("Ray is not installed: say pip install 'speedy-gonzales-book[ray]'.") from None
    own = {} if address else {"num_cpus": workers, "include_dashboard": False}
    ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **own)
    try:
        work = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=PATIENCE)(_work)
        waiting = {work.remote(job, store, keep_models): job for job in jobs}
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            job = waiting.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield f"{_name(job)}: Ray gave it up ({type(error).__name__})."
    finally:
        ray.shutdown()
