"""The shape of the code: who may import whom, what `import mmcore` costs, what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmcore

ROOT = Path(__file__).resolve().parent.parent

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "settings", "types", "results"}),
    frozenset({"io", "audio", "checkpoints"}),
    frozenset({"nets", "families"}),
    frozenset({"pool", "hardware"}),
    frozenset({"index", "tasks"}),
    frozenset({"fusion", "evaluation"}),
    frozenset({"cli", "commands", "recipes", "demo"}),
)
"""A module imports from its own layer and from those before it; DESIGN, "Layers"."""

LIGHT = (
    "errors",
    "settings",
    "results",
    "io.images",
    "io.audio_files",
    "audio.spectrogram",
    "checkpoints.registry",
    "checkpoints.locate",
    "families",
    "pool",
    "index",
    "tasks.sliding_window",
    "tasks.captioning",
    "tasks.audio",
    "tasks.retrieval",
    "cli",
)
"""What must not import torch, transformers or gradio."""

DOORS = ("mmcore/__init__.py", "mmcore/__main__.py")
"""They lead, lazily, to every layer."""

HEAVY = ("torch", "transformers", "gradio")


def python_files() -> list[Path]:
    return sorted(path for folder in ("mmcore", "demo") for path in (ROOT / folder).rglob("*.py"))


FILES = python_files()


def file_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in FILES}


def layer_name(module: str) -> str:
    """ "mmcore.nets.image_encoder" -> "nets", "demo.app" -> "demo"."""
    parts = module.split(".")
    return parts[0] if parts[0] == "demo" else ".".join(parts[1:2])


def rank(module: str) -> int:
    name = layer_name(module)
    ranks = [number for number, layer in enumerate(LAYERS) if name in layer]
    assert ranks, f"{module} has no layer: add {name!r} to LAYERS where it belongs"
    return ranks[0]


def for_types_only(tree: ast.Module) -> set[ast.AST]:
    """Everything under `if TYPE_CHECKING:`."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(path: Path, *, only_at_import: bool = False) -> Iterator[tuple[str, int]]:
    """Absolute names of the modules that a file imports, with the line; lazy imports inside functions too."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = for_types_only(tree) if only_at_import else set()
    if only_at_import:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                skipped.update(ast.walk(node))
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:  # `from mmcore import media` imports mmcore.io.images
                full = f"{base}.{alias.name}"
                yield (full if full in MODULES else base), node.lineno


def each_file(*folders: str, but: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Parametrise a test over the files of the folders, except those that the rule is not for."""
    chosen = [path for path in FILES if any(path.is_relative_to(ROOT / folder) for folder in folders)]
    return pytest.mark.parametrize("path", [path for path in chosen if file_id(path) not in but], ids=file_id)


def our_imports(path: Path, **options: bool) -> list[tuple[str, int]]:
    return [(name, line) for name, line in imports(path, **options) if name.partition(".")[0] in ("mmcore", "demo")]


def test_the_files_are_found():
    assert {"mmcore", "mmcore.errors", "mmcore.nets.image_encoder"} <= MODULES


@each_file("mmcore", "demo", but=DOORS)
def test_imports_go_one_way(path: Path):
    importer = module_name(path)
    wrong = [
        f"line {line}: {importer} imports {name}"
        for name, line in our_imports(path)
        if name != "mmcore" and rank(name) > rank(importer)
    ]
    assert not wrong, "\n".join(wrong)


@each_file("mmcore", but=DOORS)
def test_the_core_does_not_enter_by_its_own_door(path: Path):
    """`from mmcore import ModelPool` inside mmcore would hide which layer a name comes from."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "mmcore"
        for alias in node.names
    }
    assert not names & set(mmcore.__all__)


@each_file("mmcore", but=("mmcore/cli.py",))  # its command `demo` starts the demo
def test_the_core_does_not_know_the_demo(path: Path):
    assert not [name for name, _ in our_imports(path) if name.startswith("demo")]


@each_file("mmcore/nets")
def test_nets_know_no_families(path: Path):
    above = ("mmcore.families", "mmcore.checkpoints.locate", "mmcore.checkpoints.registry", "mmcore.settings")
    assert not [name for name, _ in our_imports(path) if name.startswith(above)]


def test_no_import_goes_round_in_a_circle():
    graph = {
        module_name(path): {name for name, _ in our_imports(path, only_at_import=True) if name in MODULES}
        for path in FILES
    }
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module] - {module}):
                visit(name, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])


@each_file("mmcore")
def test_gradio_stays_in_the_demo(path: Path):
    assert not [line for name, line in imports(path) if name.partition(".")[0] in ("gradio", "gradio_client", "spaces")]


@each_file("demo")
def test_the_demo_knows_no_torch(path: Path):
    assert not [line for name, line in imports(path) if name.partition(".")[0] in ("torch", "transformers")]


@each_file("mmcore", "demo", but=("mmcore/settings.py",))
def test_the_environment_is_read_in_settings_only(path: Path):
    tree = ast.parse(path.read_text("utf-8"))
    readers = ("environ", "environb", "getenv", "getenvb")
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in readers and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and any(a.name in readers for a in node.names))
    ]
    assert not lines, f"{file_id(path)} reads or sets the environment in lines {lines}"


@each_file("mmcore", "demo")
def test_every_module_has_a_docstring(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), f"{file_id(path)} says nothing of itself"


def loaded_after(statement: str) -> set[str]:
    """Which heavy packages a fresh Python holds after the statement."""
    code = f"import sys; {statement}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


def test_import_mmcore_pulls_in_nothing_heavy():
    statement = "import mmcore; mmcore.Settings, mmcore.CHECKPOINTS, mmcore.CaptionOptions, mmcore.InputError"
    assert loaded_after(statement) == set()


@pytest.mark.parametrize("module", [name for name in LIGHT if f"mmcore.{name}" in MODULES])
def test_light_modules_stay_light(module: str):
    assert loaded_after(f"import mmcore.{module}") == set()


def test_loaded_after_notices_a_heavy_import():
    assert loaded_after("import torch") == {"torch"}


# What is public


def test_all_homes_and_type_imports_agree():
    tree = ast.parse(Path(mmcore.__file__).read_text("utf-8"))
    typed = {
        alias.name: node.module
        for node in for_types_only(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = {name: home for home, names in mmcore._HOMES.items() for name in names}
    assert homes == typed
    assert sorted(homes) == sorted(mmcore.__all__)
    assert len(set(mmcore.__all__)) == len(mmcore.__all__)


@pytest.mark.parametrize("name", mmcore.__all__)
def test_every_exported_name_is_there_and_documented(name: str):
    value = getattr(mmcore, name)
    assert name in dir(mmcore)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__module__ == next(home for home, names in mmcore._HOMES.items() if name in names)
        assert value.__doc__


@pytest.mark.parametrize("module", ["errors", "results", "checkpoints"])
def test_every_public_class_is_exported(module: str):
    found = importlib.import_module(f"mmcore.{module}")
    own = {name for name, value in vars(found).items() if inspect.isclass(value) and value.__module__ == found.__name__}
    public = {name for name in own if not name.startswith("_")} - {"Phrase"}  # a detail of the message table
    assert public <= set(mmcore.__all__)


def test_every_task_is_exported():
    tasks = {checkpoint.task for checkpoint in mmcore.CHECKPOINTS}
    assert not {task for task in tasks if f"mmcore.tasks.{task}" not in mmcore._HOMES}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mmcore' has no attribute 'nonsense'"):
        mmcore.nonsense  # noqa: B018
