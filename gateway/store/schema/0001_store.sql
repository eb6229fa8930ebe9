-- Everything the gateway must not forget. The journal is what a person may ask about later; the account table is where
-- each delivery point stands; both change in one transaction. Applied once, in order; PRAGMA user_version says how far.

-- One row, rewritten by every transaction that changes anything (`commits` counts them): how long the gateway has run
-- and the latest time it can prove; the head of the journal, the last number given to a quarter-hour and how many there
-- are, so that lost rows are noticed; where the store was restored from until that is on record; and sums over the rows of
-- the tables that have no chain. `seal` is the digest of all the other columns (gateway/store/life.py).
CREATE TABLE life (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    running_ms INTEGER NOT NULL,
    bound_utc_ms INTEGER NOT NULL,
    head_seq INTEGER NOT NULL,
    head_hash TEXT NOT NULL,
    interval_number INTEGER NOT NULL,
    interval_count INTEGER NOT NULL,
    commits INTEGER NOT NULL,
    restored TEXT NOT NULL,
    account_sum TEXT NOT NULL,
    command_sum TEXT NOT NULL,
    cursor_sum TEXT NOT NULL,
    seal TEXT NOT NULL
) STRICT;

-- Append-only, numbered without gaps over the gateway's life, chained by hash. `body` is exactly what is sent.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    body TEXT NOT NULL
) STRICT;
CREATE TRIGGER journal_has_no_gaps BEFORE INSERT ON journal
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM journal)
BEGIN SELECT raise(ABORT, 'the journal is numbered without gaps'); END;
CREATE TRIGGER journal_never_changes BEFORE UPDATE ON journal
BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_never_shrinks BEFORE DELETE ON journal
BEGIN SELECT raise(ABORT, 'the journal is append-only'); END;

-- The account as JSON of gateway.prepayment.account.Account, and the SHA-256 of that text.
CREATE TABLE account (
    account_id TEXT PRIMARY KEY,
    format INTEGER NOT NULL,
    snapshot TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Quarter-hours: the only rows that are ever deleted; `life.interval_number` sees to it that no number comes twice.
-- `crc` is over the other columns.
CREATE TABLE interval (
    number INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL,
    start_utc_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE INDEX interval_by_account ON interval (account_id, number);

-- How far the head-end has acknowledged a stream.
CREATE TABLE cursor (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Commands by issuer and id: the answer is stored with the effect; `attempts` counts the times the process died while
-- it executed the command. `own_sequence` = 1: numbered by its account (top-up, reversal), not by its issuer.
CREATE TABLE command (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    own_sequence INTEGER NOT NULL CHECK (own_sequence IN (0, 1)),
    attempts INTEGER NOT NULL,
    answer TEXT,
    PRIMARY KEY (issuer, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX command_by_sequence ON command (issuer, sequence) WHERE own_sequence = 0 AND answer IS NOT NULL;
