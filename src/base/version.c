#include <athena/base.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *ath_version(void) {
    return TEXT(ATH_VERSION_MAJOR) "." TEXT(ATH_VERSION_MINOR) "." TEXT(ATH_VERSION_PATCH);
}
