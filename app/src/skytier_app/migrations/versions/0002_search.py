"""Search finds every word, in any language, at a cost that is linear in the text.

`posts.search` was a generated column. A trigger fills it now, so the release before, which never
writes the column, goes on working. Posts that are there already keep the words they have; they
are in `search_backlog` and get their new ones later, a few at a time (`posts/backlog.py`).
"""

from alembic import op

revision = "0002"
down_revision = "0001"

# Scripts that put no spaces between words, and Korean, which adds particles to its words.
UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30fa\u30fc-\u31bf"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7a3\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
ACCENTS = (
    r"\u0300-\u034e\u0350-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    # Points of Hebrew, and the vowels of Arabic.
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    # Zero width: soft hyphens, joiners, marks of direction, variation selectors.
    r"\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff"
)
# Letters whose stroke is no mark, and ligatures that Unicode keeps.
STROKES = "øØłŁđĐðÐħĦıŧŦßæœÆŒ"
PUNCTUATION = r"\u0001-\u0008\u000e-\u001f!-/:-@\[-`{-\u007f"
# In the locale C, PostgreSQL takes every character beyond ASCII for a letter.
WIDE_PUNCTUATION = (
    r"\u00a0-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb\u00bf\u00d7\u00f7"
    r"\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4"
    r"\u0600-\u060f\u061b-\u061f\u066a-\u066d\u06d4\u0964\u0965\u0970"
    r"\u2000-\u206f\u20a0-\u20cf\u2190-\u23ff\u2e00-\u2e7f"
    r"\u3000-\u3004\u3008-\u3020\u3030\u303d\u30fb"
)
MOST = 110_000
"""Characters of cleaned text that are indexed: all of a post, but in scripts without spaces, where
three of them stand for one, the first 36,000. A tsvector takes 1 MiB, five times what they need."""

STATEMENTS = (
    # The English stemmer without its list of words to leave out.
    "CREATE TEXT SEARCH DICTIONARY search_stem (TEMPLATE = snowball, Language = english)",
    "CREATE TEXT SEARCH CONFIGURATION search_words (COPY = pg_catalog.english)",
    "ALTER TEXT SEARCH CONFIGURATION search_words "
    "ALTER MAPPING REPLACE english_stem WITH search_stem",
    # PostgreSQL's parser looks for addresses, paths and numbers, and is quadratic for some texts
    # of such characters. What this returns has only words, of at most 40 characters: each is read
    # by itself.
    rf"""
    CREATE FUNCTION search_text(given text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    BEGIN
        given := left(given, {MOST});
        IF octet_length(given) > char_length(given) THEN
            -- Unicode's stream-safe format: sorting many marks on one letter is quadratic too,
            -- and U+034F ends a run of them.
            given := regexp_replace(given, '([^\u0001-\u007f]{{30}})', E'\\1\u034f', 'g');
            given := left(normalize(given, NFKD), {MOST});
            given := regexp_replace(given, '[{ACCENTS}]+', '', 'g');
            IF given ~ '[{STROKES}]' THEN
                given := translate(given, 'øØłŁđĐðÐħĦıŧŦ', 'oOlLdDdDhHitT');
                given := replace(replace(replace(given, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe');
                given := replace(replace(given, 'Æ', 'Ae'), 'Œ', 'Oe');
            END IF;
            IF given ~ '[{UNSPACED}\u1100-\u11ff]' THEN
                given := replace(normalize(given, NFC), E'\u034f', '');
                -- Each character with its neighbour: "abc" becomes "ab bc c".
                given := regexp_replace(given, '([{UNSPACED}]+)', ' \1 ', 'g');
                given := regexp_replace(given, '(?<=[{UNSPACED}])([{UNSPACED}])', '\1 \1', 'g');
            END IF;
            given := replace(given, E'\u034f', '');
            given := regexp_replace(given, '[{WIDE_PUNCTUATION}]+', ' ', 'g');
        END IF;
        given := regexp_replace(left(given, {MOST}), '[{PUNCTUATION}]+', ' ', 'g');
        IF given ~ '\S{{41}}' THEN
            given := regexp_replace(given, '(\S{{40}})', '\1 ', 'g');
        END IF;
        RETURN given;
    END
    $$
    """,
    """
    CREATE FUNCTION search_vector(title text, content text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    BEGIN
        RETURN to_tsvector('search_words', search_text(title || E'\n' || content));
    END
    $$
    """,
    # The syntax is that of websearch_to_tsquery. What it gets has each word as a phrase of what
    # search_text makes of it, so that query and index are cut alike.
    rf"""
    CREATE FUNCTION search_query(given text) RETURNS tsquery
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    DECLARE
        found tsquery;
        part text[];
        words text := '';
    BEGIN
        IF char_length(given) <= 40 AND given ~ '^[A-Za-z0-9 "]+$' THEN
            words := given;  -- search_text would leave all of its words as they are
        ELSE
            FOR part IN SELECT regexp_matches(given, '(-?)(?:"([^"]*)"?|([^\s"]+))', 'g') LOOP
                words := words || ' ' || CASE WHEN part[1] || part[3] ~* '^or$' THEN 'or'
                    ELSE part[1] || '"' || search_text(coalesce(part[2], part[3])) || '"' END;
            END LOOP;
        END IF;
        -- Common words like "the" count in quotes, and where there are no others.
        IF strpos(given, '"') = 0 THEN
            found := websearch_to_tsquery('english', words);
        END IF;
        IF found IS NULL OR numnode(found) = 0 THEN
            found := websearch_to_tsquery('search_words', words);
        END IF;
        IF octet_length(given) > char_length(given) THEN
            -- "ab bc c": the pair before has the last character already. Without one it is what
            -- a pair begins with.
            words := found::text;
            words := regexp_replace(words, '([{UNSPACED}])'' <-> ''\1'' <->', '\1'' <2>', 'g');
            words := regexp_replace(words, '([{UNSPACED}])'' <-> ''\1''', '\1''', 'g');
            words := regexp_replace(words, '(''[{UNSPACED}]'')', '\1:*', 'g');
            found := words::tsquery;
        END IF;
        RETURN found;
    END
    $$
    """,
    # A restore of the data alone has no search_path.
    """
    CREATE FUNCTION posts_search() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF TG_OP = 'INSERT' OR NEW.title <> OLD.title OR NEW.content <> OLD.content THEN
            NEW.search := search_vector(NEW.title, NEW.content);
        END IF;
        RETURN NEW;
    END
    $$
    """,
    # The lock is for a moment, but whoever waits for it makes all the others wait: not for long,
    # and then once more.
    """
    DO $$
    BEGIN
        FOR attempt IN 1..60 LOOP
            BEGIN
                SET LOCAL lock_timeout = '1s';
                LOCK TABLE posts IN ACCESS EXCLUSIVE MODE;
                RETURN;
            EXCEPTION WHEN lock_not_available THEN
                PERFORM pg_sleep(1);
            END;
        END LOOP;
        RAISE EXCEPTION 'the table posts was in use for two minutes: run the migration again when '
            'no long statement or dump reads it';
    END
    $$
    """,
    "ALTER TABLE posts ALTER COLUMN search DROP EXPRESSION IF EXISTS",
    # Out of line, a post's words would have to be fetched for each look at them.
    "ALTER TABLE posts SET (toast_tuple_target = 4080)",
    """
    CREATE TRIGGER posts_search BEFORE INSERT OR UPDATE OF title, content ON posts
    FOR EACH ROW EXECUTE FUNCTION posts_search()
    """,
    # One row while there are posts whose words are the old ones: those with an id below it.
    "CREATE TABLE search_backlog (below bigint NOT NULL)",
    "INSERT INTO search_backlog SELECT max(id) + 1 FROM posts HAVING max(id) IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
