-- Read by snowflake_adopt(): what keeps column $2 of table $1 from becoming bigint DEFAULT snowflake_next(), the most
-- general first. $3 says whether its type changes. Runs with search_path = pg_catalog.
WITH target AS (
    SELECT c.*, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = $2
    WHERE c.oid = $1
)
SELECT detail, hint
FROM (
    SELECT 1 AS rank, format('The table belongs to extension "%s": pg_dump would not keep the change.', extname) AS detail,
           'Change the extension instead.' AS hint
    FROM target t JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e'
         JOIN pg_extension e ON e.oid = d.refobjid

    UNION ALL
    SELECT 2, CASE WHEN relispartition THEN 'The table is a partition.'
                   WHEN relkind = 'p' THEN 'The table is partitioned.'
                   WHEN EXISTS (SELECT FROM pg_inherits WHERE inhparent = oid) THEN 'Other tables inherit from it.'
                   ELSE 'It inherits from another table.' END,
           'Where the column is of type bigint, ALTER TABLE ... ALTER COLUMN ... SET DEFAULT snowflake_next() on the parent reaches all of them.'
    FROM target
    WHERE relkind = 'p' OR relispartition OR EXISTS (SELECT FROM pg_inherits WHERE oid IN (inhparent, inhrelid))

    UNION ALL
    SELECT 3, format('The table is of type %s.', reloftype::regtype), 'Run ALTER TABLE ... NOT OF first.'
    FROM target WHERE $3 AND reloftype <> 0

    UNION ALL
    SELECT 4, format('Foreign key "%s" makes it refer to table "%s".', conname, r.relname),
           'Adopt the primary key of that table; rows here get their value from there.'
    FROM pg_constraint JOIN pg_class r ON r.oid = confrelid
    WHERE conrelid = $1 AND contype = 'f' AND $2 = ANY (conkey)

    UNION ALL
    SELECT 5, format('Foreign key "%s" refers to it from column "%s" of table "%s", of type %s, which cannot hold snowflake IDs.',
                     conname, a.attname, r.relname, format_type(atttypid, atttypmod)),
           'Change that column to bigint first, with ALTER TABLE ... ALTER COLUMN ... TYPE bigint.'
    FROM pg_constraint k JOIN pg_class r ON r.oid = conrelid
         CROSS JOIN LATERAL unnest(conkey, confkey) AS pair (referencing, referenced)
         JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = referencing
    WHERE confrelid = $1 AND contype = 'f' AND conparentid = 0 AND referenced = $2 AND attlen IN (2, 4)

    UNION ALL
    SELECT 6, format('The column changes from %s to bigint and publication "%s" publishes it: subscribers could neither store snowflake IDs nor find rows by them.', type, pubname),
           'Change it to bigint first, on the subscribers before here, with ALTER TABLE ... ALTER COLUMN ... TYPE bigint.'
    FROM target t, pg_publication p
    WHERE $3 AND EXISTS (SELECT FROM pg_get_publication_tables(p.pubname) g WHERE g.relid = t.oid)

    UNION ALL
    SELECT 7, format('The column changes from %s to bigint and %s depends on it.', type,
                     CASE WHEN d.classid = 'pg_rewrite'::regclass THEN
                              (SELECT CASE c.relkind WHEN 'v' THEN format('view "%s"', relname)
                                                     WHEN 'm' THEN format('materialized view "%s"', relname)
                                                     ELSE format('rule "%s" of table "%s"', rulename, relname) END
                               FROM pg_rewrite w JOIN pg_class c ON c.oid = ev_class WHERE w.oid = d.objid)
                          WHEN d.classid = 'pg_attrdef'::regclass THEN
                              (SELECT format('generated column "%s"', attname)
                               FROM pg_attrdef e JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE e.oid = d.objid)
                          -- newer versions have the column itself depend
                          WHEN d.classid = 'pg_class'::regclass THEN
                              (SELECT format('generated column "%s"', attname) FROM pg_attribute WHERE attrelid = d.objid AND attnum = d.objsubid)
                          ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END),
           'Drop it first, and create it again afterwards.'
    FROM target t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid = t.attnum
    WHERE $3
      -- what ALTER COLUMN ... TYPE rebuilds or leaves alone
      AND d.classid NOT IN ('pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
      AND NOT (d.classid = 'pg_class'::regclass AND d.objid <> t.oid)
      AND NOT (d.classid = 'pg_attrdef'::regclass
               AND EXISTS (SELECT FROM pg_attrdef e WHERE e.oid = d.objid AND adrelid = t.oid AND adnum = t.attnum))

    UNION ALL
    SELECT 8, format('The column changes from %s to bigint and column "%s" of table "%s" holds whole rows of the table.', type, a.attname, c.relname),
           'Drop that column first.'
    FROM target t JOIN pg_type r ON r.oid = t.reltype JOIN pg_attribute a ON a.atttypid IN (r.oid, r.typarray) AND a.atttypid <> 0
         JOIN pg_class c ON c.oid = a.attrelid
    WHERE $3 AND c.relkind IN ('r', 'm', 'p') AND NOT a.attisdropped

    UNION ALL
    SELECT 9, format('Its sequence is used by %s.', pg_describe_object(u.classid, u.objid, u.objsubid)),
           'Give that another sequence first.'
    FROM target t
         JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid = t.attnum
                         AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
         JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
         JOIN pg_depend u ON u.refclassid = 'pg_class'::regclass AND u.refobjid = s.oid AND u.deptype = 'n'

    UNION ALL
    SELECT 10, 'Row-level security hides rows of the table from you.', 'Run it as a role with BYPASSRLS, or ALTER TABLE ... NO FORCE ROW LEVEL SECURITY.'
    WHERE row_security_active($1)

    UNION ALL
    -- it is read with the rights of its owner
    SELECT 11, format('The owner of the table, role "%s", may not read it.', pg_get_userbyid(relowner)),
           'Grant the owner SELECT on the table and USAGE on its schema first.'
    FROM target t
    WHERE NOT (has_column_privilege(relowner, t.oid, attnum, 'SELECT') AND has_schema_privilege(relowner, relnamespace, 'USAGE'))
) AS obstacle
ORDER BY rank, detail
LIMIT 1
