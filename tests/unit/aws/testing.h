/* What the tests of this room share. */
#ifndef TESTS_UNIT_AWS_TESTING_H
#define TESTS_UNIT_AWS_TESTING_H

#include "../base/testing.h"

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" lacks \"%s\"", (text), (part));                                       \
    } while (0)

#endif
