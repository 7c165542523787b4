"""Ask the real Hugging Face Hub for every data set and model that the book loads, and say which are gone.

    python tools/hub_check.py [TASK ...]

For each place of each task the files of all its splits have to be there, and its last split, the smallest, is read with
the book's own reader. A place that fails is only told as long as another one has what it would give. Of each pretrained
encoder the list of files and the tokenizer are loaded, of the smallest one the weights too; of each model that the
authors may have published the files are looked for, and one that is not there counts if the encoder is theirs as well.
What is fetched stays in the hub's cache (HF_HOME).
"""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from speedy_utils.errors import listing, unknown_name
from speedy_utils.hub import PLACES, Place, _files_of, _read_split
from speedy_utils.hub_files import HubError, Trouble, fetch, list_files
from speedy_utils.hub_models import _BESIDE, _TOKENIZER, AUTHORS, SUFFIXES, TWINS, WORDS, _weights, load_pretrained
from speedy_utils.systems import SYSTEMS
from speedy_utils.tasks import Task, get_task

SMALLEST = "dccuchile/albert-tiny-spanish"
AT_A_TIME = 8


@dataclass(frozen=True)
class Finding:
    """What was asked for, the splits it has if it answers, and a few words: what was found, or what went wrong."""

    what: str
    splits: tuple[str, ...]
    words: str
    sound: bool


def try_place(task: Task, place: Place) -> Finding:
    """Look for the files of all splits of one place, and read the last."""
    what, splits = f"{task.name}: {place}", tuple(place.splits)
    try:
        found = list_files(place.repo, "dataset", place.revision)
        if found.cached:
            raise Trouble("network", f"the hub did not answer ({found.cached})")
        for split in splits:
            _files_of(place, split, found.files)
        examples, _ = _read_split(task, place, splits[-1], found)
    except Trouble as trouble:
        return Finding(what, splits, str(trouble), False)
    return Finding(what, splits, f"{splits[-1]} has {len(examples):,} examples (commit {found.commit})", True)


def try_encoder(repo: str) -> Finding:
    """Look for a pretrained encoder, or its twin, with its weights and tokenizer."""
    reasons = []
    for name in filter(None, (repo, TWINS.get(repo))):
        try:
            found = list_files(name, "model")
            if found.cached:
                raise Trouble("network", f"the hub did not answer ({found.cached})")
            weights = _weights(found.files)
            wanted = [file for file in ("config.json", *_TOKENIZER, *_BESIDE) if file in found.files]
            if "config.json" not in wanted or not {*_TOKENIZER} & {*wanted}:
                raise Trouble("missing", "it lacks config.json or a tokenizer")
            fetch(found, wanted)
            if repo == SMALLEST:
                load_pretrained(name, "tagging", ("O", "B-PER", "I-PER"), report=None)
        except (Trouble, HubError) as trouble:
            reasons.append(f"{name}: {trouble}")
            continue
        return Finding(f"encoder {repo}", (), f"{name} has {weights[0]} (commit {found.commit})", True)
    return Finding(f"encoder {repo}", (), "; ".join(reasons), False)


def try_published(encoder: str, route: str, task: str) -> Finding:
    """Look for a model that the authors trained, under its names."""
    stem = encoder.partition("/")[2]
    names = [f"{AUTHORS}/{stem}-{word}-{SUFFIXES[task]}" for word in WORDS[route]]
    reasons = []
    for name in names:
        try:
            found = list_files(name, "model")
            if found.cached:
                raise Trouble("network", f"the hub did not answer ({found.cached})")
            _weights(found.files)
        except Trouble as trouble:
            reasons.append(f"{name}: {trouble}")
            continue
        return Finding(f"published {name}", (), f"there (commit {found.commit})", True)
    return Finding(f"published {names[0]}", (), "; ".join(reasons), False)


def lost_splits(task: Task, findings: Iterable[Finding]) -> list[str]:
    """The splits of a task that no place gives."""
    findings = list(findings)
    given = {split for finding in findings if finding.sound for split in finding.splits}
    return [split for split in ("train", "validation", "test") if split not in given]


def tell(finding: Finding) -> None:
    print(f"{'ok  ' if finding.sound else 'FAIL'} {finding.what}: {finding.words}", flush=True)


def main() -> int:
    for name in sys.argv[1:]:
        if name not in PLACES:
            sys.exit(unknown_name("task on the hub", name, list(PLACES)))
    problems = []
    for name in sys.argv[1:] or PLACES:
        task = get_task(name)
        findings = [try_place(task, place) for place in PLACES[name]]
        for finding in findings:
            tell(finding)
        if lost := lost_splits(task, findings):
            problems.append(f"{task.title}: no place gives {listing(lost)}")
    if not sys.argv[1:]:
        encoders = list(dict.fromkeys(system.hub_id for system in SYSTEMS))
        trained = [(system.hub_id, system.route, name) for system in SYSTEMS for name in SUFFIXES]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            found = [(finding, True) for finding in pool.map(try_encoder, encoders)]
            published = pool.map(lambda words: try_published(*words), trained)
            theirs = [repo.startswith(f"{AUTHORS}/") for repo, _, _ in trained]
            found += zip(published, theirs, strict=True)
        for finding, counts in found:
            tell(finding)
            problems += [finding.what] if counts and not finding.sound else []
    for problem in problems:
        print(f"not to be had: {problem}")
    print(f"{len(problems)} things are not to be had." if problems else "All is there.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
