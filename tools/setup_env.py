# ruff: noqa: PTH100, PTH103, PTH110, PTH111, PTH112, PTH118, PTH120, PTH123, PTH105, PTH102, PTH208, RUF005
# ruff: noqa: UP006, UP031, UP035, UP045
"""Make `.venv`: the exact versions of requirements.txt, then this package itself.

`make book` and `make test` call this first. It uses the standard library only and keeps to the syntax of Python 3.6,
because its first duty is to tell the owner of an old Python, in one sentence, what to do. A second call finds its
stamp in `.venv` and returns at once; a half-made environment has no stamp and is made again.

Settings (environment variables):
  TORCH   PyTorch's build: unset takes what your package index gives, `cpu`, `cu126`, `cu130` ... take that one from
          download.pytorch.org, and a full URL names any other index.
  PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_CERT ... and pip.conf hold for uv too.
"""

import configparser
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from typing import Dict, List, NoReturn, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "speedy-stamp.json")  # written last: it says that the environment is whole
OURS = os.path.join(VENV, "speedy-made-this")  # written first: it says that we may delete the folder
LOG = os.path.join(ROOT, "_build", "setup.log")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python.exe" if os.name == "nt" else "python")
NEEDED = (3, 11)
DISK_GB = {"plain": 3, "cuda": 10}
TORCH_INDEX = "https://download.pytorch.org/whl/"
PIP_KEYS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "trusted-host")
NO_NETWORK = re.compile(
    r"error sending request|dns error|failed to lookup|Temporary failure in name resolution|NewConnectionError|"
    r"Name or service not known|Network is unreachable|Connection refused|ConnectTimeout|Max retries exceeded|"
    r"tcp connect error|operation timed out|nodename nor servname",
    re.IGNORECASE,
)
NO_SPACE = re.compile(r"No space left on device|os error 28|Errno 28|ENOSPC|Disk quota exceeded|not enough space", re.I)


class InstallerFailed(Exception):
    """An installer ended with an error; the text is what it said."""


def say(text: str) -> None:
    print("[setup] " + text, flush=True)


def stop(sentence: str) -> NoReturn:
    """End with one sentence that says what is wrong and what to do."""
    sys.stderr.write("[setup] " + sentence + "\n")
    sys.exit(1)


def find_newer_python() -> Optional[str]:
    """A Python on PATH that is new enough, for machines whose `python3` is an old one."""
    for minor in (13, 12, 11, 14, 15):
        found = shutil.which("python3.%d" % minor)
        if found:
            code = "import sys; sys.exit(sys.version_info < (3, 11))"
            if subprocess.call([found, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
                return found
    return None


def require_python() -> None:
    """Go on with Python 3.11 or newer, here or by starting again with one that PATH has."""
    if sys.version_info[:2] >= NEEDED:
        return
    found = "%d.%d.%d" % sys.version_info[:3]
    newer = find_newer_python()
    if newer is None:
        stop(
            "This is Python %s, and the book needs Python 3.11 or newer: install one (from python.org, your system's "
            "packages, or `uv python install 3.12`) and say `make book PYTHON=/path/to/python3.12`." % found
        )
    say("Python %s is too old; going on with %s." % (found, newer))
    os.execv(newer, [newer, os.path.abspath(__file__)] + sys.argv[1:])


def read(name: str) -> str:
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def wanted_stamp(torch: str) -> Dict[str, str]:
    """All that decides what the environment holds; the stamp of a finished one is compared with it."""
    return {
        "requirements": hashlib.sha256(read("requirements.txt").encode()).hexdigest(),
        "pyproject": hashlib.sha256(read("pyproject.toml").encode()).hexdigest(),
        "torch": torch,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "place": ROOT,  # scripts and the editable install hold absolute paths: a moved folder is a new environment
    }


def is_current(wanted: Dict[str, str]) -> bool:
    try:
        with open(STAMP, encoding="utf-8") as file:
            return json.load(file) == wanted and os.path.exists(PYTHON)
    except (OSError, ValueError):
        return False


def torch_index(torch: str) -> Optional[str]:
    """The package index that TORCH means; None for the index that is configured anyway."""
    if not torch:
        return None
    if re.match(r"^(https?|file)://", torch):
        return torch
    if re.match(r"^(cpu|xpu|cu\d{2,3}|rocm[\d.]+)$", torch):
        return TORCH_INDEX + torch
    stop("TORCH=%s is not known: leave it out, or give `cpu`, a CUDA build such as `cu126`, or a full URL." % torch)


def pip_settings() -> Dict[str, List[str]]:
    """What pip is told by its files and variables, later ones winning: uv reads none of it by itself."""
    home = os.path.expanduser("~")
    xdg = os.environ.get("XDG_CONFIG_HOME", os.path.join(home, ".config"))
    files = ["/etc/xdg/pip/pip.conf", "/etc/pip.conf", os.path.join(home, ".pip", "pip.conf")]
    files += [os.path.join(xdg, "pip", "pip.conf"), os.path.join(sys.prefix, "pip.conf")]
    files += [os.path.join(home, "Library", "Application Support", "pip", "pip.conf")]
    files += [os.path.join(os.environ.get(name, home), "pip", "pip.ini") for name in ("PROGRAMDATA", "APPDATA")]
    chosen = os.environ.get("PIP_CONFIG_FILE")
    files = [] if chosen == os.devnull else files + ([chosen] if chosen else [])
    settings = {}  # type: Dict[str, List[str]]
    for path in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            say("%s cannot be read as pip's settings; going on without it." % path)
            continue
        for section in ("global", "install"):
            for key in PIP_KEYS:
                if parser.has_option(section, key):
                    settings[key] = parser.get(section, key).split()
    for key in PIP_KEYS:
        value = os.environ.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            settings[key] = value.split() if key != "cert" else [value]
    return settings


def uv_options(settings: Dict[str, List[str]]) -> List[str]:
    """The same settings in uv's words."""
    options = []  # type: List[str]
    for url in settings.get("index-url", [])[-1:]:
        options += ["--default-index", url]
    for url in settings.get("extra-index-url", []):
        options += ["--index", url]
    if "extra-index-url" in settings:
        options += ["--index-strategy", "unsafe-best-match"]  # look at all indexes, as pip does
    for place in settings.get("find-links", []):
        options += ["--find-links", place]
    for host in settings.get("trusted-host", []):
        options += ["--allow-insecure-host", host]
    if settings.get("no-index", ["0"])[0].lower() in ("1", "true", "yes", "on"):
        options += ["--no-index"]
    return options


def check_disk(torch: str, settings: Dict[str, List[str]]) -> None:
    """Stop before the start rather than with a full disk; Linux's default PyTorch is the CUDA one."""
    default_is_cuda = sys.platform.startswith("linux") and not settings.get("find-links")
    cuda = torch.startswith(("cu", "rocm")) or (not torch and default_is_cuda)
    needed = DISK_GB["cuda" if cuda else "plain"]
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < needed:
        hint = (
            ", or choose PyTorch's small build with `make book TORCH=cpu`" if cuda and free > DISK_GB["plain"] else ""
        )
        stop(
            "No disk space: the environment needs about %d GB in %s, and %.1f GB are free; free some%s."
            % (needed, ROOT, free, hint)
        )


def run(command: List[str], environment: Dict[str, str]) -> None:
    """Run an installer, its words going to the log; on failure raise with them."""
    with open(LOG, "a", encoding="utf-8", errors="replace") as log:
        log.write("$ " + " ".join(command) + "\n")
        log.flush()
        start = log.tell()
        try:
            code = subprocess.call(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        except OSError as error:  # a uv for another processor, say
            raise InstallerFailed(str(error)) from error
    if code:
        with open(LOG, encoding="utf-8", errors="replace") as log:
            log.seek(start)
            raise InstallerFailed(log.read())


def make_venv(uv: Optional[str], environment: Dict[str, str]) -> None:
    """An empty `.venv` of this very Python."""
    if os.path.isdir(VENV):
        if os.listdir(VENV) and not (os.path.exists(OURS) or os.path.exists(STAMP)):
            stop("%s was not made by this book: move it away, then try again." % VENV)
        if os.path.exists(STAMP):
            os.replace(STAMP, OURS)  # first of all: interrupted from here on, the folder is half-made and still ours
        shutil.rmtree(VENV)
    os.mkdir(VENV)
    with open(OURS, "w", encoding="utf-8") as file:
        file.write("Made by tools/setup_env.py, which may delete and remake this folder.\n")
    if uv:
        run([uv, "venv", "--allow-existing", "--python", sys.executable, VENV], environment)
        return
    try:
        run([sys.executable, "-m", "venv", VENV], environment)
    except InstallerFailed as failure:
        if re.search(r"ensurepip|No module named venv|python3[\d.]*-venv", str(failure)):
            stop(
                "This Python cannot make environments: install its venv module (on Debian and Ubuntu "
                "`sudo apt install python3-venv`) or uv (docs.astral.sh/uv), then try again. Log: %s" % LOG
            )
        raise


def installer_environment(settings: Dict[str, List[str]]) -> Dict[str, str]:
    """The caller's variables, with pip's certificate handed to uv too."""
    environment = dict(os.environ, VIRTUAL_ENV=VENV, PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUTF8="1")
    for name in ("PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX"):
        environment.pop(name, None)
    if settings.get("cert") and "SSL_CERT_FILE" not in environment:
        environment["SSL_CERT_FILE"] = settings["cert"][0]
    environment.setdefault("UV_LINK_MODE", "copy" if os.name == "nt" else "hardlink")
    environment.setdefault("UV_COMPILE_BYTECODE", "1")  # as pip does; else each library's first user waits for it
    return environment


def install(uv: Optional[str], index: Optional[str], settings: Dict[str, List[str]], env: Dict[str, str]) -> None:
    """PyTorch from its own index if one is chosen, then the exact list, then this package."""
    pip = [PYTHON, "-m", "pip", "install"]
    start = [uv, "pip", "install", "--python", PYTHON] if uv else pip
    general = uv_options(settings) if uv else []
    if index:
        pin = re.search(r"^torch==[^\s;]+", read("requirements.txt"), re.MULTILINE)
        name = pin.group(0) if pin else "torch"
        say("installing %s from %s ..." % (name, index))
        if uv:
            run(start + ["--default-index", index, name], env)
        else:  # --isolated and no pip.conf: pip would add the indexes of its own settings
            certificate = ["--cert", settings["cert"][0]] if settings.get("cert") else []
            alone = dict(env, PIP_CONFIG_FILE=os.devnull)
            isolated = [PYTHON, "-m", "pip", "--isolated", "--disable-pip-version-check", "install"]
            run(isolated + certificate + ["--index-url", index, name], alone)
    say("installing requirements.txt with %s ..." % ("uv" if uv else "pip (some minutes)"))
    run(start + general + ["-r", "requirements.txt"], env)
    run(start + general + ["--no-deps", "--no-build-isolation", "-e", "."], env)


def find_uv(environment: Dict[str, str], settings: Dict[str, List[str]]) -> Optional[str]:
    """uv inside the new `.venv`; None, with a line that says so, when it can't be had."""
    say("installing uv, the fast installer ...")
    try:
        run([PYTHON, "-m", "pip", "install", "--quiet", "--retries", "1", "uv"], environment)
    except InstallerFailed as failure:
        if NO_SPACE.search(str(failure)) or (NO_NETWORK.search(str(failure)) and not has_own_places(settings)):
            raise
        say("uv can't be had here; going on with pip, which takes longer.")
        return None
    return os.path.join(BIN, "uv.exe" if os.name == "nt" else "uv")


def has_own_places(settings: Dict[str, List[str]]) -> bool:
    """Whether pip is told of places that it may reach in ways that uv can't, or that hold all but uv."""
    return bool(set(settings) - {"cert"})


def make(torch: str, settings: Dict[str, List[str]]) -> None:
    """Make the environment with uv, and once more with pip where uv fails and pip may do better."""
    index = torch_index(torch)
    environment = installer_environment(settings)
    uv_on_path = shutil.which("uv")
    try:
        make_venv(uv_on_path, environment)
        uv = uv_on_path or find_uv(environment, settings)
        install(uv, index, settings, environment)
    except InstallerFailed as failure:
        uv_was_used = bool(uv_on_path) or os.path.exists(os.path.join(BIN, "uv"))
        offline = NO_NETWORK.search(str(failure)) and not has_own_places(settings)
        hopeless = NO_SPACE.search(str(failure)) or offline
        if hopeless or not uv_was_used:
            raise
        say("uv failed (%s); trying again with pip." % last_words(str(failure), 1)[0][:120])
        make_venv(None, environment)
        install(None, index, settings, environment)


def last_words(text: str, count: int) -> List[str]:
    return [line.strip() for line in text.splitlines() if line.strip()][-count:] or ["no message"]


def explain(text: str) -> NoReturn:
    """Turn an installer's failure into one sentence; its own words stay in the log."""
    if NO_SPACE.search(text):
        stop("No disk space left while installing: free some gigabytes and try again. Log: %s" % LOG)
    if NO_NETWORK.search(text):
        stop(
            "No network: the package index could not be reached; connect, or name a mirror or a folder of wheels with "
            "PIP_INDEX_URL or PIP_FIND_LINKS, and try again. Log: %s" % LOG
        )
    for line in last_words(text, 8):
        sys.stderr.write("    " + line + "\n")
    stop("The installer failed; its last words are above, all of them in %s" % LOG)


def main() -> int:
    require_python()
    torch = os.environ.get("TORCH", "").strip()
    try:
        wanted = wanted_stamp(torch)
    except FileNotFoundError as missing:
        stop("%s is missing: run this from a complete copy of the repository." % missing.filename)
    if is_current(wanted):
        return 0
    torch_index(torch)
    settings = pip_settings()
    start = time.time()
    try:
        check_disk(torch, settings)
        os.makedirs(os.path.dirname(LOG), exist_ok=True)
        with open(LOG, "w", encoding="utf-8"):
            pass
        say("making .venv with Python %s (once; the log is _build/setup.log)" % wanted["python"])
        make(torch, settings)
        scratch = STAMP + ".new"
        with open(scratch, "w", encoding="utf-8") as file:
            json.dump(wanted, file)
        os.replace(scratch, STAMP)
    except InstallerFailed as failure:
        explain(str(failure))
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", -1)):
            explain("No space left on device")
        stop("The environment could not be made: %s" % error)
    except KeyboardInterrupt:
        stop("Interrupted; the next call starts the environment afresh.")
    say("done in %.0f s" % (time.time() - start))
    return 0


if __name__ == "__main__":
    sys.exit(main())
