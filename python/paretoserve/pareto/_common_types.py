"""One type per objective over all files of a scan, wide enough for each and exact, or an error that names the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve.pareto._frame_columns import column_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from paretoserve.pareto._sources import Source

__all__ = ["common_types", "converted"]


def common_types(sources: Sequence[Source], columns: Sequence[str]) -> dict[str, pa.DataType]:
    """Return the type that each column of numbers has in all files together; refuse one that holds no numbers."""
    import pyarrow as pa

    found = {}
    for column in columns:
        kinds: list[tuple[pa.DataType, Source]] = []
        for source in sources:
            kind = source.schema.field(column).type
            column_numbers(source, column, pa.array([], kind))
            kinds.append((kind.value_type if pa.types.is_dictionary(kind) else kind, source))
        widest = pa.null()
        for kind, source in kinds:
            joint = _wider(widest, kind)
            if joint is None:
                hint = "convert the column of one of the files"
                raise source.problem(column, f"is one of {kind}, but one of {widest} in another file", hint=hint)
            widest = joint
        found[column] = widest
    return found


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return a type that holds the values of both, None if there is none."""
    import pyarrow as pa
    from pyarrow import types

    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if types.is_decimal(one) or types.is_decimal(other):
        both = types.is_decimal(one) and types.is_decimal(other)
        return pa.decimal128(38, max(one.scale, other.scale)) if both else None
    floats = [kind for kind in (one, other) if types.is_floating(kind)]
    if len(floats) == 2:
        return max(floats, key=lambda kind: int(kind.bit_width))
    if floats:
        return pa.float64()
    whole = [kind for kind in (one, other) if types.is_integer(kind)]
    unsigned = all(types.is_unsigned_integer(kind) for kind in whole)
    return pa.uint64() if unsigned else pa.int64()


def converted(source: Source, name: str, column: Any, kind: pa.DataType) -> Any:
    """Return a column in the common type; refuse to round an integer."""
    import pyarrow as pa

    if column.type == kind or pa.types.is_dictionary(column.type):
        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    if column.type == kind:
        return column
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    try:
        return column.cast(kind)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        what = f"is one of {column.type}, one of {kind} in another file, and does not fit: {reason}"
        raise source.problem(name, what, hint="convert the column of one of the files") from None
