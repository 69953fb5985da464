"""``dataclass`` and its friends, made for a program that starts often.

The standard library writes and compiles source code for every class, and ``slots=True`` makes each class twice: for the
classes that a short command imports this takes longer than everything else it does. Here the methods are closures over
the class's fields; nothing is compiled. Accepted is what this project uses, with the standard library's meaning; type
checkers see the standard library's own. ``slots`` is for them alone: instances have a ``__dict__``, set whole in one go.

The standard library's ``replace``, ``fields``, ``asdict`` and ``is_dataclass`` work on these classes too; the modules of
this package take everything from here, so that none of them pays for that import.
"""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False  # importing typing for it would be half of what `stack version` takes
if TYPE_CHECKING:
    from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace

    __all__ = ["MISSING", "dataclass", "field", "fields", "is_dataclass", "replace"]
else:
    MISSING = type("Missing", (), {"__repr__": lambda _: "MISSING"})()
    _NOTHING = {}
    _FIELDS = "__record_fields__"

    class Field:
        """What is known of one attribute. ``name``, ``type`` and ``kw_only`` are set by ``dataclass``."""

        __slots__ = ("compare", "default", "default_factory", "init", "kw_only", "metadata", "name", "repr", "type")

        def __init__(self, default, default_factory=MISSING, init=True, repr=True, compare=True, metadata=_NOTHING):
            self.default, self.default_factory = default, default_factory
            self.init, self.repr, self.compare, self.metadata = init, repr, compare, metadata

    def field(*, default=MISSING, default_factory=MISSING, init=True, repr=True, compare=True, metadata=_NOTHING):
        return Field(default, default_factory, init, repr, compare, metadata)

    def fields(record):
        """The fields of a class or of an instance, in the order written."""
        known = getattr(record, _FIELDS, None)
        return tuple(known.values()) if known is not None else _standard_ones(record)

    def is_dataclass(thing):
        return hasattr(thing, "__dataclass_fields__")

    def replace(record, /, **changes):
        """A copy with other values in some fields."""
        kept = {one.name: getattr(record, one.name) for one in fields(record) if one.init}
        return type(record)(**{**kept, **changes})

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, repr=True):  # noqa: ARG001 for checkers
        return _finished(cls, frozen, kw_only, repr) if cls else lambda made: _finished(made, frozen, kw_only, repr)

    def _finished(cls, frozen, kw_only, repr):
        known = _collected(cls, kw_only)
        setattr(cls, _FIELDS, known)
        cls.__dataclass_fields__, cls.__dataclass_params__ = _StandardFields(), _Parameters(frozen)
        cls.__match_args__ = tuple(name for name, one in known.items() if one.init and not one.kw_only)
        cls.__init__ = _initializer(cls, known)
        cls.__eq__, cls.__hash__ = _comparison(known, frozen)
        if repr:
            cls.__repr__ = _represented
        if frozen:
            cls.__setattr__, cls.__delattr__ = _refuse_change, _refuse_change
        return cls

    def _collected(cls, kw_only):
        """The fields of the class and of those it is built on; each plain default stays as the class's attribute."""
        known = {}
        for base in reversed(cls.__mro__[1:]):
            known.update(base.__dict__.get(_FIELDS, _NOTHING))
        for name, annotation in vars(cls).get("__annotations__", _NOTHING).items():
            if not annotation.startswith("ClassVar"):
                known[name] = _field_of(cls, name, annotation, kw_only)
        return known

    def _field_of(cls, name, annotation, kw_only):
        given = cls.__dict__.get(name, MISSING)
        one = given if type(given) is Field else Field(given)
        one.name, one.type, one.kw_only = name, annotation, kw_only
        if one.default.__class__.__hash__ is None:
            raise TypeError(f"{cls.__name__}.{name}: a mutable default would be shared; use default_factory")
        if one.default is not MISSING:
            setattr(cls, name, one.default)
        elif given is one:
            delattr(cls, name)
        return one

    def _initializer(cls, known):
        accepted = {name: one for name, one in known.items() if one.init}
        defaults = {name: one.default for name, one in accepted.items() if one.default is not MISSING}
        factories = [
            (name, one.default_factory) for name, one in accepted.items() if one.default_factory is not MISSING
        ]
        positional, names, store = cls.__match_args__, accepted.keys(), object.__setattr__
        afterwards = getattr(cls, "__post_init__", None)

        def initialize(self, *args, **given):
            if args:
                first = dict(zip(positional, args, strict=False))
                if len(first) < len(args) or not given.keys().isdisjoint(first):
                    raise TypeError(f"{cls.__name__}: an argument too many")
                given = {**first, **given}
            values = {**defaults, **given}
            for name, make in factories:
                if name not in given:
                    values[name] = make()
            if values.keys() != names:
                raise TypeError(f"{cls.__name__}: missing or unknown: {sorted(values.keys() ^ names)}")
            store(self, "__dict__", values)
            if afterwards is not None:
                afterwards(self)

        return initialize

    def _comparison(known, frozen):
        compared = [name for name, one in known.items() if one.compare]
        values = attrgetter(*compared) if compared else lambda _: ()

        def equal(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        def digest(self):
            return hash(values(self))

        return equal, digest if frozen else None

    def _represented(self):
        shown = (f"{name}={getattr(self, name)!r}" for name, one in getattr(self, _FIELDS).items() if one.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _refuse_change(self, name, *_):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__name__}")

    def _standard_ones(record):
        """The fields of a class that the standard library made: someone else's."""
        import dataclasses

        def own(one):
            default, factory = (
                MISSING if given is dataclasses.MISSING else given for given in (one.default, one.default_factory)
            )
            made = Field(default, factory, one.init, one.repr, one.compare, one.metadata)
            made.name, made.type, made.kw_only = one.name, one.type, one.kw_only
            return made

        return tuple(map(own, dataclasses.fields(record)))

    class _Parameters:
        def __init__(self, frozen):
            self.frozen = frozen

    class _StandardFields:
        """The fields as the standard library knows them, made when its own functions ask."""

        def __get__(self, instance, owner):
            import dataclasses

            named = [(one.name, one.type, _standard(one)) for one in fields(owner)]
            return dataclasses.make_dataclass(owner.__name__, named).__dataclass_fields__

    def _standard(one):
        import dataclasses

        defaults = {key: getattr(one, key) for key in ("default", "default_factory")}
        given = {key: value for key, value in defaults.items() if value is not MISSING}
        switches = {key: getattr(one, key) for key in ("init", "repr", "compare", "kw_only")}
        return dataclasses.field(**given, **switches, metadata=one.metadata)
