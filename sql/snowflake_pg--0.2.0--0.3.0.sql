-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION snowflake_pg UPDATE TO '0.3.0'" to load this file. \quit
