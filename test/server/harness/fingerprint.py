"""A schema as text from the catalogs alone, for servers no pg_dump here can read."""

# PostgreSQL 15.20 stores a number of its own, pg_attver, among the options of every column; pg_dump leaves it out too.
# Privileges that are stored though they are the built-in ones are no others: pg_dump writes nothing for them.
# Everything is named, never numbered: oids differ between two databases that are the same.
HERE = "n.nspname NOT IN ('pgseam', 'information_schema') AND n.nspname !~ '^pg_'"

QUERIES = {
    "schema": f"""
        SELECT n.nspname, pg_get_userbyid(n.nspowner), coalesce(n.nspacl, acldefault('n', n.nspowner))::text
        FROM pg_namespace n WHERE {HERE}""",
    "relation": f"""
        SELECT c.oid::regclass::text, c.relkind::text, c.relpersistence::text, pg_get_userbyid(c.relowner),
               coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))::text, c.reloptions::text, c.relrowsecurity, c.relforcerowsecurity, c.relreplident::text,
               am.amname, s.spcname, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
               (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno)
                FROM pg_inherits i WHERE i.inhrelid = c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam
        LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND {HERE}""",
    "column": f"""
        SELECT c.oid::regclass::text,
               row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
               format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
               a.attidentity::text, a.attgenerated::text, co.collname, a.attstorage::text, a.attcompression::text,
               nullif(a.attstattarget, -1), a.attacl::text,
               (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg_attver=%')
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation co ON co.oid = a.attcollation
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {HERE}""",
    "constraint": f"""
        SELECT coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text), k.conname,
               pg_get_constraintdef(k.oid), k.convalidated, k.condeferrable, k.condeferred
        FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE {HERE}""",
    "index": f"""
        SELECT i.indrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indisprimary,
               i.indisclustered, i.indisreplident
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {HERE}""",
    "view": f"""
        SELECT c.oid::regclass::text, pg_get_viewdef(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {HERE}""",
    "trigger": f"""
        SELECT t.tgrelid::regclass::text, pg_get_triggerdef(t.oid), t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND {HERE}""",
    "rule": f"""
        SELECT r.ev_class::regclass::text, pg_get_ruledef(r.oid)
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE r.rulename <> '_RETURN' AND {HERE}""",
    "policy": """
        SELECT schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies
        WHERE schemaname <> 'pgseam'""",
    "sequence": """
        SELECT s.schemaname, s.sequencename, s.data_type::text, s.start_value, s.min_value, s.max_value,
               s.increment_by, s.cycle, s.cache_size,
               (SELECT d.refobjid::regclass::text || '.' || a.attname || d.deptype::text
                FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
                AND d.objid = format('%I.%I', s.schemaname, s.sequencename)::regclass)
        FROM pg_sequences s WHERE s.schemaname <> 'pgseam'""",
    "function": f"""
        SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner), coalesce(p.proacl, acldefault('f', p.proowner))::text,
               CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {HERE}""",
    "type": f"""
        SELECT t.oid::regtype::text, t.typtype::text, pg_get_userbyid(t.typowner), t.typnotnull, t.typdefault,
               format_type(t.typbasetype, t.typtypmod),
               (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r') AND {HERE}""",
    "statistics": f"""
        SELECT pg_get_statisticsobjdef(s.oid)
        FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE {HERE}""",
    "publication": """
        SELECT p.pubname, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
               (SELECT string_agg(r.prrelid::regclass::text, ',' ORDER BY r.prrelid::regclass::text)
                FROM pg_publication_rel r WHERE r.prpubid = p.oid)
        FROM pg_publication p""",
    "extension": "SELECT extname, extversion FROM pg_extension",
    "default privileges": """
        SELECT pg_get_userbyid(d.defaclrole), coalesce(n.nspname, ''), d.defaclobjtype::text, d.defaclacl::text
        FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace""",
    "comment": """
        SELECT i.type, i.identity, d.description FROM pg_description d
        CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
        WHERE d.objoid >= 16384 AND coalesce(i.schema, '') <> 'pgseam'""",
}


def fingerprint(db):
    """One line for each object and property, sorted."""
    lines = []
    with db.connect() as conn:
        # An empty path makes every regclass name its schema.
        conn.execute("SET search_path = ''")
        for kind, query in QUERIES.items():
            for row in conn.execute(query):
                lines.append(f"{kind}: " + " | ".join("-" if value is None else str(value) for value in row))
    return "\n".join(sorted(lines)) + "\n"
