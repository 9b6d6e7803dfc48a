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
SELECT seqrelid::regclass AS sequence, seqtypid::regtype AS type, seqmin, seqmax, seqincrement, seqcache, seqcycle
    FROM pg_sequence JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = seqrelid AND d.deptype = 'e'
    ORDER BY seqrelid::regclass::text COLLATE "C";

-- types that are no row types, their operators, operator classes and casts, and the aggregates
SELECT t.oid::regtype AS type, typlen AS length, typalign AS alignment, typstorage AS storage, typinput, typoutput, typreceive, typsend
    FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg' AND typrelid = 0 AND typcategory <> 'A'
    ORDER BY typname COLLATE "C";
SELECT o.oid::regoperator AS operator, oprresult::regtype AS result, oprcode AS function, oprcom::regoper AS commutator, oprnegate::regoper AS negator,
       oprrest AS restrict, oprjoin AS join, oprcanhash AS hashes, oprcanmerge AS merges
    FROM pg_operator o JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg'
    ORDER BY oprname COLLATE "C", oprleft::regtype::text COLLATE "C", oprright::regtype::text COLLATE "C";
SELECT amname AS method, opcname AS operator_class, opcintype::regtype AS type, opcdefault AS default,
       (SELECT string_agg(concat(amopstrategy, ' ', amopopr::regoper), ', ' ORDER BY amopstrategy) FROM pg_amop WHERE amopfamily = opcfamily) AS operators,
       (SELECT string_agg(concat(amprocnum, ' ', amproc), ', ' ORDER BY amprocnum) FROM pg_amproc WHERE amprocfamily = opcfamily) AS functions
    FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod
         JOIN pg_depend d ON d.classid = 'pg_opclass'::regclass AND d.objid = o.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg'
    ORDER BY amname COLLATE "C", opcname COLLATE "C";
SELECT castsource::regtype AS source, casttarget::regtype AS target, castfunc::regprocedure AS function, castcontext = 'e' AS explicit
    FROM pg_cast c JOIN pg_depend d ON d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg'
    ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";
SELECT aggfnoid::regprocedure AS aggregate, aggtransfn AS transition, aggcombinefn AS combine, aggtranstype::regtype AS state, agginitval AS initial
    FROM pg_aggregate a JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = aggfnoid AND d.deptype = 'e'
         JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg'
    ORDER BY aggfnoid::regprocedure::text COLLATE "C";

-- and nothing else (PostgreSQL 18 lists the row types of relations, too)
SELECT d.classid::regclass::text COLLATE "C" AS catalog, count(*)
    FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE extname = 'snowflake_pg' AND d.deptype = 'e' AND d.classid <> 'pg_type'::regclass
    GROUP BY 1 ORDER BY 1;

-- no function of the library is declared twice
SELECT prosrc, count(*) FROM pg_proc WHERE probin LIKE '%snowflake_pg%' GROUP BY prosrc HAVING count(*) > 1;
