"""What has to hold between the tables of the SQLite database, each as a question for the rows where it does not.

Asked by `sqlite_health`. `low`: only writes above that revision are looked at; `newest`: the newest revision. Above
what is compacted (or above the floor, where the log was taken over from elsewhere) the log is dense; revision 1 is that
of nothing.
"""

from __future__ import annotations

from typing import Final

META_NAMES: Final = ["compacted", "compacting", "floor", "in_use", "probe"]

_DENSE_FROM: Final = "(SELECT max(1, :low, max(value)) FROM meta WHERE name IN ('compacted', 'floor'))"

TAIL: Final = (
    (
        "of the {1} writes above revision {0} some are missing from the log",
        f"""SELECT {_DENSE_FROM}, :newest - {_DENSE_FROM} WHERE :newest - {_DENSE_FROM} <>
            (SELECT count(*) FROM log WHERE rev > {_DENSE_FROM})""",
    ),
    (
        "the log and the table of current states differ about {0}",
        """SELECT last.key, l.rev FROM (SELECT key, max(rev) AS rev FROM log WHERE rev > :low GROUP BY key) last
            JOIN log l ON l.rev = last.rev LEFT JOIN current c ON c.key = last.key
            WHERE c.rev IS NOT iif(l.value IS NULL, NULL, l.rev)""",
    ),
)

WHOLE: Final = (
    (
        "the current state of {0} (revision {1}) is not in the log",
        """SELECT c.key, c.rev FROM current c LEFT JOIN log l ON l.rev = c.rev
            WHERE l.rev IS NULL OR l.key <> c.key OR l.value IS NULL""",
    ),
    (
        "the state of {0} before revision {1} is not in the log",
        """SELECT l.key, l.rev FROM log l LEFT JOIN log before ON before.rev = l.prev WHERE l.prev > 0
            AND l.rev > (SELECT max(value) FROM meta WHERE name IN ('compacted', 'compacting'))
            AND (before.rev IS NULL OR before.key <> l.key OR before.value IS NULL OR before.rev >= l.rev)""",
    ),
    (
        "revision {1} of {0} is newer than the newest",
        "SELECT key, rev FROM log WHERE rev > :newest OR rev < 1",
    ),
    (
        "revision {1} holds another body of {0} than it should",
        """SELECT key, rev FROM log WHERE substr(value, 1, 13) = CAST('{"metadata":{' AS BLOB) AND
            substr(value, 14, 20 + length(CAST(rev AS TEXT))) <>
            CAST('"resourceVersion":"' || rev || '"' AS BLOB)""",
    ),
)
