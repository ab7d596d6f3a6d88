/** What the runner's own processes are told is for them alone: programs that tests start run as anywhere else. */
delete process.env["MALLOC_MMAP_THRESHOLD_"];
