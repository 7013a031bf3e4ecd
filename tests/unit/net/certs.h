/* Certificates made for one run of a test. */
#ifndef ATH_TESTS_NET_CERTS_H
#define ATH_TESTS_NET_CERTS_H

struct certs {
    char dir[64];
    char ca[96];       /* the authority */
    char other_ca[96]; /* another authority, which signed nothing */
    char key[96];      /* of all servers */
    char good[96];     /* localhost and 127.0.0.1 */
    char wrong[96];    /* another host */
    char expired[96];
};

void certs_make(struct certs *certs);
void certs_remove(struct certs *certs);

#endif
