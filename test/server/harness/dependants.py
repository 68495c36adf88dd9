"""Everything that hangs on a table, as lines of text from the catalogs: what a rewrite must leave as it was.

Objects are named, never numbered, so that the same table before and after, or on a twin, gives the same lines. Each catalog that can
refer to a table is here; the last one, `depends`, is pg_depend itself, for what nobody thought of.
"""

import difflib
import re

# Privileges as they are, and whose: NULL and the same written out are one.
ACL = """(SELECT string_agg(format('%%s=%%s%%s/%%s', CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(e.grantee) END,
        e.privilege_type, CASE WHEN e.is_grantable THEN '*' END, pg_get_userbyid(e.grantor)), ' '
        ORDER BY 1) FROM aclexplode({acl}) e)"""


def acl(column, kind, owner):
    return ACL.format(acl=f"coalesce({column}, acldefault('{kind}', {owner}))").replace("ORDER BY 1", "ORDER BY e.grantee::text, e.privilege_type")


COLUMN_ACL = ACL.format(acl="a.attacl").replace("ORDER BY 1", "ORDER BY e.grantee::text, e.privilege_type")

# %(t)s is the table's oid. Names of columns that not all servers have are in braces, with what stands for them elsewhere.
QUERIES = {
    "table": f"""
        SELECT c.oid::regclass, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner), {acl('c.relacl', 'r', 'c.relowner')},
               (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o), c.relrowsecurity, c.relforcerowsecurity,
               c.relreplident, am.amname, coalesce(s.spcname, 'pg_default'), nullif(c.reloftype, 0)::regtype, c.relispartition,
               pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class'),
               (SELECT string_agg(o, ',' ORDER BY o) FROM pg_class toast, unnest(toast.reloptions) o WHERE toast.oid = c.reltoastrelid)
        FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
        WHERE c.oid = %(t)s""",
    "row type": """
        SELECT t.typname, pg_get_userbyid(t.typowner), e.typname, obj_description(t.oid, 'pg_type')
        FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typarray WHERE t.typrelid = %(t)s""",
    "column": f"""
        SELECT a.attname, format_type(a.atttypid, a.atttypmod), row_number() OVER (ORDER BY a.attnum), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, co.collname, a.attstorage, a.attcompression,
               nullif(a.attstattarget, -1), {COLUMN_ACL},
               (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg_attver=%%'), a.attinhcount,
               a.attislocal, col_description(a.attrelid, a.attnum)
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_collation co ON co.oid = a.attcollation
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = %(t)s""",
    "constraint": """
        SELECT k.conname, k.contype, pg_get_constraintdef(k.oid), k.convalidated, k.condeferrable, k.condeferred, k.connoinherit,
               k.conislocal, k.coninhcount, {conenforced}, i.relname, obj_description(k.oid, 'pg_constraint')
        FROM pg_constraint k LEFT JOIN pg_class i ON i.oid = nullif(k.conindid, 0) WHERE k.conrelid = %(t)s""",
    "referenced by": """
        SELECT k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated, k.condeferrable, k.condeferred,
               k.confupdtype, k.confdeltype, k.confmatchtype, {conenforced}, i.relname, obj_description(k.oid, 'pg_constraint')
        FROM pg_constraint k LEFT JOIN pg_class i ON i.oid = nullif(k.conindid, 0)
        WHERE k.contype = 'f' AND k.confrelid = %(t)s""",
    # How the server enforces foreign keys, in both directions.
    "foreign key trigger": """
        SELECT t.tgrelid::regclass, k.conname, t.tgfoid::regproc, t.tgenabled, t.tgdeferrable, t.tginitdeferred
        FROM pg_trigger t JOIN pg_constraint k ON k.oid = t.tgconstraint
        WHERE k.contype = 'f' AND (k.conrelid = %(t)s OR k.confrelid = %(t)s)""",
    "index": """
        SELECT c.oid::regclass, pg_get_indexdef(c.oid), i.indisvalid, i.indisready, i.indislive, i.indisprimary, i.indisunique,
               i.indimmediate, i.indisclustered, i.indisreplident, pg_get_userbyid(c.relowner), coalesce(s.spcname, 'pg_default'),
               (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o),
               (SELECT string_agg(a.attnum || ':' || a.attstattarget, ',' ORDER BY a.attnum) FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attstattarget >= 0), obj_description(c.oid, 'pg_class'),
               (SELECT string_agg(k.conname, ',') FROM pg_constraint k WHERE k.conindid = c.oid AND k.conrelid = i.indrelid
                AND k.contype IN ('p', 'u', 'x'))
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
        WHERE i.indrelid = %(t)s""",
    "trigger": """
        SELECT t.tgname, pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger')
        FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid = %(t)s""",
    "rule": """
        SELECT r.rulename, pg_get_ruledef(r.oid), r.ev_enabled, obj_description(r.oid, 'pg_rewrite')
        FROM pg_rewrite r WHERE r.ev_class = %(t)s""",
    "policy": """
        SELECT p.polname, p.polpermissive, p.polcmd,
               (SELECT string_agg(CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r) END, ',' ORDER BY 1) FROM unnest(p.polroles) r),
               pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), obj_description(p.oid, 'pg_policy')
        FROM pg_policy p WHERE p.polrelid = %(t)s""",
    "view": f"""
        WITH RECURSIVE views AS (
            SELECT r.ev_class AS oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
            WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = %(t)s AND r.ev_class <> %(t)s
            UNION SELECT r.ev_class FROM views v JOIN pg_depend d ON d.refobjid = v.oid JOIN pg_rewrite r ON r.oid = d.objid
            WHERE d.classid = 'pg_rewrite'::regclass AND r.ev_class <> v.oid)
        SELECT c.oid::regclass, c.relkind, pg_get_viewdef(c.oid), pg_get_userbyid(c.relowner), {acl('c.relacl', 'r', 'c.relowner')},
               (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o), obj_description(c.oid, 'pg_class'),
               c.relispopulated,
               (SELECT string_agg(format('%%s %%s %%s %%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                         pg_get_expr(ad.adbin, ad.adrelid), col_description(c.oid, a.attnum)), ',' ORDER BY a.attnum)
                FROM pg_attribute a LEFT JOIN pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
               (SELECT string_agg(pg_get_triggerdef(t.oid) || t.tgenabled::text, ',' ORDER BY t.tgname) FROM pg_trigger t
                WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
               (SELECT string_agg(pg_get_ruledef(r.oid), ',' ORDER BY r.rulename) FROM pg_rewrite r
                WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
        FROM views JOIN pg_class c ON c.oid = views.oid WHERE c.relkind IN ('v', 'm')""",
    "sequence": f"""
        SELECT c.oid::regclass, a.attname, d.deptype, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin,
               s.seqcache, s.seqcycle, pg_get_userbyid(c.relowner), {acl('c.relacl', 's', 'c.relowner')}, c.relpersistence,
               obj_description(c.oid, 'pg_class')
        FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_sequence s ON s.seqrelid = c.oid
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = %(t)s""",
    "statistics object": """
        SELECT n.nspname, s.stxname, pg_get_statisticsobjdef(s.oid), pg_get_userbyid(s.stxowner), nullif(s.stxstattarget, -1),
               obj_description(s.oid, 'pg_statistic_ext')
        FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = %(t)s""",
    "publication": """
        SELECT p.pubname, {prqual}, {prattrs} FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
        WHERE r.prrelid = %(t)s""",
    "inherits": """
        SELECT i.inhrelid::regclass, i.inhparent::regclass, i.inhseqno FROM pg_inherits i
        WHERE i.inhrelid = %(t)s OR i.inhparent = %(t)s""",
    "default privilege": "SELECT pg_get_userbyid(d.defaclrole), d.defaclobjtype, d.defaclacl FROM pg_default_acl d WHERE %(t)s > 0",
    "depends": """
        SELECT pg_describe_object(d.classid, d.objid, d.objsubid), d.deptype,
               pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
        FROM pg_depend d WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = %(t)s)
        OR (d.classid = 'pg_class'::regclass AND d.objid = %(t)s)""",
}

# name in a query: first version that has it, what it is there, what stands for it before.
SINCE = {
    "conenforced": (180000, "k.conenforced", "true"),
    "prqual": (150000, "pg_get_expr(r.prqual, r.prrelid)", "NULL"),
    "prattrs": (150000, "(SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = r.prrelid"
                        " AND a.attnum = ANY (r.prattrs))", "NULL"),
}

# Numbers in the names that the server makes.
NUMBERS = [(r"pg_toast_\d+", "pg_toast_N"), (r"RI_ConstraintTrigger_([ac])_\d+", r"RI_ConstraintTrigger_\1_N")]


def dependants(db, table="public.orders"):
    """One line for each object and its properties, sorted; the names of other schemas than public are told."""
    with db.connect() as conn:
        conn.execute("SET search_path = public")
        oid = conn.execute("SELECT %s::regclass::oid", [table]).fetchone()[0]
        lines = []
        for kind, query in QUERIES.items():
            for name, (version, new, old) in SINCE.items():
                query = query.replace("{" + name + "}", new if conn.info.server_version >= version else old)
            for row in conn.execute(query, {"t": oid}):
                text = f"{kind}: " + " | ".join("-" if value is None else str(value) for value in row)
                for pattern, replacement in NUMBERS:
                    text = re.sub(pattern, replacement, text)
                lines.append(re.sub(r"\s*\n\s*", " ", text))
    return sorted(lines)


def changed(lines, changes):
    """The lines with what is meant to change changed: (pattern, replacement) each, which must be found."""
    for pattern, replacement in changes:
        assert any(re.search(pattern, line) for line in lines), f"nothing that hangs on the table looks like {pattern}"
        lines = [re.sub(pattern, replacement, line) for line in lines]
    return sorted(lines)


def assert_same_dependants(before, after, changes=()):
    found = "\n".join(line for line in difflib.unified_diff(changed(before, changes), after, "before", "after", lineterm="", n=0))
    assert not found, f"what hangs on the table is not what it was:\n{found}"
