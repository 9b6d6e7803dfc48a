"""What grows: memory."""


def memory(server, report, _):
    size = int(server.query("SELECT allocated_size FROM pg_shmem_allocations WHERE name = 'snowflake_pg'")[0])
    report.figure("shared memory", size / 1000, "kB", below=256)
