-- What the extension consists of: a change of this list is a change of the interface.

-- every function: what it promises the planner, and whether everybody may call it
SELECT p.oid::regprocedure AS function, concat(CASE WHEN proretset THEN 'SETOF ' END, prorettype::regtype) AS result,
       CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' WHEN 'v' THEN 'volatile' END AS volatility,
       CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' WHEN 'u' THEN 'unsafe' END AS parallel,
       proisstrict AS strict, lanname AS language, has_function_privilege('public', p.oid, 'EXECUTE') AS public
    FROM pg_proc p JOIN pg_language l ON l.oid = prolang
         JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg'
    ORDER BY proname COLLATE "C", pronargs, proargtypes::text COLLATE "C";

-- the names of arguments and columns
\pset format unaligned
\pset tuples_only on
SELECT concat(proname, '(', pg_get_function_arguments(p.oid), ')', ' ' || substring(pg_get_function_result(p.oid) FROM '^TABLE.*'))
    FROM pg_proc p
         JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg'
    ORDER BY proname COLLATE "C", pronargs, proargtypes::text COLLATE "C";
\pset format aligned
\pset tuples_only off

-- who may call those that are not for everybody; a superuser always may
SELECT proname AS function, grantee::regrole, privilege_type
    FROM pg_proc p
         JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid,
         aclexplode(proacl) AS acl
    WHERE extname = 'snowflake_pg' AND grantee <> proowner AND grantee <> 0
    ORDER BY proname COLLATE "C", 2;

-- functions that act with the rights of their owner have a search path of their own; no others have settings
SELECT proname AS function, prosecdef AS security_definer, proconfig AS settings
    FROM pg_proc p
         JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg' AND (prosecdef OR proconfig IS NOT NULL OR proleakproof)
    ORDER BY proname COLLATE "C";

-- every relation, and who may do what with it besides its owner
SELECT relname AS relation,
       CASE relkind WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE relkind::text END AS kind,
       relpersistence = 'p' AS permanent,
       (SELECT string_agg(concat_ws(' ', privilege_type, 'to', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END), ', '
                          ORDER BY grantee, privilege_type COLLATE "C")
        FROM aclexplode(relacl) WHERE grantee <> relowner) AS privileges,
       array_position(extconfig, c.oid) IS NOT NULL AS dumped
    FROM pg_class c
         JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg'
    ORDER BY relname COLLATE "C";
SELECT attrelid::regclass AS relation, attname AS column, format_type(atttypid, atttypmod) AS type, attnotnull AS not_null
    FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
         JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg' AND attnum > 0 AND relkind IN ('r', 'v')
    ORDER BY relname COLLATE "C", attnum;
SELECT seqtypid::regtype AS type, seqmin, seqmax, seqincrement, seqcache, seqcycle FROM pg_sequence WHERE seqrelid = 'snowflake_mark'::regclass;

-- and nothing else (PostgreSQL 18 lists the row types of relations, too)
SELECT d.classid::regclass::text COLLATE "C" AS catalog, count(*)
    FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg' AND d.deptype = 'e' AND d.classid <> 'pg_type'::regclass
    GROUP BY 1 ORDER BY 1;

-- no function of the library is declared twice
SELECT prosrc, count(*) FROM pg_proc WHERE probin LIKE '%snowflake_pg%' GROUP BY prosrc HAVING count(*) > 1;
