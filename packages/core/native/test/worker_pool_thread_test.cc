// The worker pool under ThreadSanitizer.
#include "worker_pool_cases.h"

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
