// The worker pool under AddressSanitizer.
#include "worker_pool_cases.h"

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
