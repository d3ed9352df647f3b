"""The tables of README.md from the code: `python -m tkn_ros.nodes.reference README.md`.

What stands between `<!-- table: NAME -->` and `<!-- end -->` is rewritten.
"""

import re
import sys
from pathlib import Path

from tkn_ros.install import install_prefix
from tkn_ros.nodes.predictor_parameters import PARAMETERS, Parameter
from tkn_ros.nodes.topics import TOPICS
from tkn_ros.whole_file import whole_file

MESSAGES = (
    'PredictedKeypoints',
    'KeypointFrame',
    'Keypoint',
    'PredictedFrameInfo',
    'DangerWarning',
    'DangerWarnings',
    'Trust',
)
TABLE = re.compile(r'(<!-- table: (\w+) -->\n).*?(<!-- end -->)', re.DOTALL)
LINE = re.compile(r'^(?P<field>[^#]*?)\s*(#\s?(?P<comment>.*))?$')


def topics_table() -> str:
    """The topics and services of the predictor."""
    rows = [f'| `{t.name}` ({t.way}) | `{t.type}` | {t.about} |' for t in TOPICS]
    return '\n'.join(['| topic | type | |', '|---|---|---|', *rows])


def parameters_table() -> str:
    """The parameters of the predictor."""
    rows = [
        f'| `{p.name}` | {_shown(p.default)} | {_range(p)} | {p.description}'
        f'{"; may be set while it runs" if p.running else ""} |'
        for p in PARAMETERS
    ]
    return '\n'.join(['| parameter | default | range | |', '|---|---|---|---|', *rows])


def messages_table() -> str:
    """All fields of all messages, with their units."""
    rows = []
    for name in MESSAGES:
        about, fields = message_fields(
            (install_prefix() / 'share' / 'tkn_ros' / 'msg' / f'{name}.msg').read_text('utf-8')
        )
        rows.append(f'| **[`{name}`](msg/{name}.msg)** | | {about} |')
        rows += [f'| `{field}` | `{kind}` | {text} |' for kind, field, text in fields]
    return '\n'.join(['| field | type | |', '|---|---|---|', *rows])


def message_fields(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """A message's definition. Returns its own comment, and (type, name, comment) of each field.

    text: of a .msg file; lines with a comment alone go on with that of the line before.
    """
    about: list[str] = []
    fields: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        match = LINE.match(line)
        assert match is not None  # it takes anything
        comment = (match['comment'] or '').strip()
        if match['field']:
            kind, name = match['field'].split(None, 1)
            fields.append((kind, name, [comment]))
        elif comment:
            (fields[-1][2] if fields else about).append(comment)
    return ' '.join(about), [(kind, name, ' '.join(c).strip()) for kind, name, c in fields]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    return f'`{value}`' if value != '' else ''


def _range(p: Parameter) -> str:
    return '' if p.low is None else f'{p.low:.10g} to {p.high:.10g}'


def with_tables(text: str) -> str:
    """A Markdown text with its tables rewritten; ValueError for an unknown one."""
    tables = {'topics': topics_table, 'messages': messages_table, 'parameters': parameters_table}

    def fresh(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        if name not in tables:
            raise ValueError(f'table "{name}" is unknown, expected one of {", ".join(tables)}')
        return f'{begin}{tables[name]()}\n{end}'

    return TABLE.sub(fresh, text)


def main() -> int:
    """Write the tables of the files named on the command line."""
    for word in sys.argv[1:]:
        path = Path(word)
        text = with_tables(path.read_text('utf-8'))
        with whole_file(path) as part:
            part.write_text(text, 'utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
