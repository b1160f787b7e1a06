"""The house: a room imports only from the floors below it, and no room leads back to itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "echojax"

# From the ground up; rooms of one floor know nothing of each other.
FLOORS = (
    ("wording",),
    (
        "vocabulary",
        "version",
        "errors",
        "session",
        "stopping",
        "text_table",
        "resize",
        "metrics",
    ),
    ("files", "progress", "presets"),
    ("download",),
    ("models",),
    ("media", "report", "config", "devices"),
    ("data", "weights"),
    ("runs",),
    ("training",),
    ("inference",),
    ("recipes", "simulate"),
    ("studies", "recordings"),
    ("questions", "assessment", "face"),
    ("demo",),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Every module of ours that a module imports, wherever in its text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.partition(".")[0] in ("echojax", "tfds_camus"):
                for alias in node.names:
                    yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in ("echojax", "tfds_camus"):
                    yield alias.name, ""


def target(module, imported):
    """The room that `from module import imported` leads to; None for echojax itself."""
    parts = module.split(".")
    if parts[0] == "tfds_camus":
        return "tfds_camus"
    if len(parts) > 1:
        return parts[1]
    return imported if imported in FLOOR else None


def test_every_room_has_a_floor():
    rooms = {room(path) for path in modules()} - {"__init__", "__main__"}
    assert rooms == set(FLOOR)


def test_no_import_leads_upward_or_to_a_neighbour():
    upward = []
    for path in modules():
        own = room(path)
        for module, imported in imports(path):
            other = target(module, imported)
            if own in ("__init__", "__main__") or other in (None, own):
                continue
            allowed = own == "data" if other == "tfds_camus" else FLOOR[other] < FLOOR[own]
            if not allowed:
                upward.append(f"{name(path)} imports {module}.{imported}")
    assert upward == []


def test_studies_do_not_know_each_other():
    for path in (PACKAGE / "studies").rglob("*.py"):
        own = path.relative_to(PACKAGE / "studies").parts[0]
        for module, imported in imports(path):
            if module.startswith("echojax.studies"):
                study = [*module.split("."), imported][2]
                assert study == own, f"{name(path)} imports {module}"


def test_no_modules_import_each_other_in_a_circle():
    known = {name(path): path for path in modules()}
    graph = {
        own: {
            full if (full := f"{module}.{imported}") in known else module
            for module, imported in imports(path)
            if module.startswith("echojax.") or f"{module}.{imported}" in known
        }
        - {own}
        for own, path in known.items()
    }
    seen: dict[str, int] = {}  # 1 while it is on the way, 2 when nothing led back

    def visit(module, way):
        if seen.get(module) == 1:
            pytest.fail(" -> ".join([*way[way.index(module) :], module]))
        if module in seen or module not in graph:
            return
        seen[module] = 1
        for other in sorted(graph[module]):
            visit(other, [*way, module])
        seen[module] = 2

    for module in graph:
        visit(module, [])


def test_the_builder_knows_nothing_of_echojax():
    for path in (PACKAGE.parent / "tfds_camus").rglob("*.py"):
        assert not [m for m, _ in imports(path) if m.startswith("echojax")], path


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("models", ["orbax", "echojax.training"]),
        ("report", ["jax", "flax"]),
        ("vocabulary", ["jax", "numpy"]),
        ("runs.log", ["jax", "flax"]),
    ],
)
def test_a_room_stands_on_its_own(room, never):
    names = [
        f"echojax.{room}",
        *(f"echojax.{room}.{p.stem}" for p in (PACKAGE / room).glob("[a-z]*.py")),
    ]
    code = f"import sys, {', '.join(names)}; print([m for m in {never} if m in sys.modules])"
    assert printed(code) == ["[]"]


def printed(code):
    """Words that a program prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_importing_echojax_is_light_and_offers_its_face():
    code = (
        "import sys, echojax; "
        "print('jax' in sys.modules, 'numpy' in sys.modules, *sorted(echojax.__all__))"
    )
    loaded_jax, loaded_numpy, *offered = printed(code)
    assert (loaded_jax, loaded_numpy) == ("False", "False")
    import echojax

    for each in offered:
        assert getattr(echojax, each) is not None
