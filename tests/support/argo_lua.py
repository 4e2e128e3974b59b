"""Scripts as Argo CD runs those of its ConfigMap: Lua 5.1, the object as `obj`, and hardly any of the libraries."""

from pathlib import Path
from time import gmtime, strftime
from typing import Any

from lupa import lua51

Object = dict[str, Any]

SCRIPTS = Path(__file__).parents[2] / "argocd" / "resource_customizations" / "crossfade.dev"
_FORMATS = {"!%Y-%m-%dT%XZ": "%Y-%m-%dT%H:%M:%SZ"}
"""What Argo CD's own `os.date` makes of the formats that scripts use."""
_CLOSED = """
for _, name in ipairs({"string", "math", "io", "os", "debug", "package", "coroutine", "python", "require", "dofile",
                       "loadfile", "module", "newproxy"}) do
  _G[name] = nil
end
getmetatable("").__index = nil
"""


class Script:
    """One script in a state of its own, as each run is in Argo CD."""

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def at(cls, *path: str) -> "Script":
        """The script below the folder of our group, such as `Rollout`, `health.lua`."""
        return cls(SCRIPTS.joinpath(*path).read_text())

    def run(self, obj: Object) -> Any:
        """What it returns for the object, as Argo CD's JSON has it. LuaError where it fails."""
        state = lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
        state.execute(_CLOSED)
        given = state.globals()
        given.obj = _table(state, obj)
        given.require = lambda name: _table(state, {"date": _date}) if name == "os" else None
        return _json(state.execute(self._text))


def changed(script: Script, obj: Object) -> Object:
    """The object that an action makes of it. What Lua cannot tell from an empty list stays the object that it was."""
    made = _kept(script.run(obj), obj)
    assert isinstance(made, dict), made
    return made


def _date(layout: str) -> str:
    return strftime(_FORMATS[layout], gmtime())


def _table(state: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return state.table_from({key: _table(state, item) for key, item in value.items() if item is not None})
    if isinstance(value, list):
        return state.table_from([_table(state, item) for item in value])
    return value


def _json(value: Any) -> Any:
    """An empty table is an empty list, as gopher-json has it."""
    if lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if keys == list(range(1, len(keys) + 1)):
        return [_json(value[key]) for key in keys]
    return {key: _json(value[key]) for key in keys}


def _kept(made: Any, before: Any) -> Any:
    if isinstance(made, dict) and isinstance(before, dict):
        return {key: _kept(item, before.get(key)) for key, item in made.items()}
    if made == [] and isinstance(before, dict):
        return before
    if isinstance(made, list) and isinstance(before, list):
        return [_kept(*pair) for pair in zip(made, before, strict=True)]
    return made
