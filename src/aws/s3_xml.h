/*
 * Reads S3's XML answers: bounded, without DTDs, entities, namespaces and attributes. expat reads
 * them (s3_xml.c); for long ones of the plain shape that S3 writes there is a scanner several times
 * as fast (s3_scan.c), which leaves everything else, and every error, to expat.
 */
#ifndef ATH_AWS_S3_XML_H
#define ATH_AWS_S3_XML_H

#include "base/buf.h"

#include <athena/error.h>

#define ATH__S3_XML_DEPTH_MAX 16
#define ATH__S3_XML_TEXT_MAX (16u << 10) /* of one element */

struct XML_ParserStruct;

/*
 * Zeroed, then `names`, the two callbacks and `user` set. An element's id is 1 + the place of its
 * name among `names`, without prefix; 0: not among them. A callback returns 0 to go on, anything
 * else to stop: an error or, for success, 1.
 */
struct ath__s3_xml {
    const char *const *names; /* NULL-ended, fewer than 64 */
    int (*open)(struct ath__s3_xml *xml, int id);
    /* `text` is the element's own, UTF-8, empty when it has children; it lives in `texts`. */
    int (*close)(struct ath__s3_xml *xml, int id, struct ath_slice text);
    /* Brings what `user` points to back to the start. Set where answers are long: they are scanned
     * then, and read anew by expat when they prove not to be plain. */
    void (*reset)(struct ath__s3_xml *xml);
    void *user;

    int depth;                           /* of the element at hand; the root's is 1 */
    int path[ATH__S3_XML_DEPTH_MAX + 1]; /* ids; path[depth] is the element at hand */

    /* names by their hash: id of the first, of the next (0: none), length */
    uint8_t heads[64], links[64], lens[64];
    struct XML_ParserStruct *parser;
    struct ath__buf texts; /* what was kept, then the text at hand; never moves */
    size_t kept;
    bool is_leaf;
    int rc;
    char wrong[120];
};

/* 0, what a callback returned, PROTOCOL, NOMEM. Clear it afterwards in any case: until then the
 * kept texts live. */
int ath__s3_xml_read(struct ath__s3_xml *xml, struct ath_slice body, struct ath_error *err);
void ath__s3_xml_clear(struct ath__s3_xml *xml);

/* From `close`: keeps the text at hand until clear. */
static inline void ath__s3_xml_keep(struct ath__s3_xml *xml) {
    xml->kept = xml->texts.len;
}
/* From a callback, to return: PROTOCOL, `wrong` for the message. */
int ath__s3_xml_refuse(struct ath__s3_xml *xml, const char *wrong);

/* What both readers call for each event; they look at xml->rc. `name` without prefix. */
void ath__s3_xml_on_open(struct ath__s3_xml *xml, struct ath_slice name);
void ath__s3_xml_on_text(struct ath__s3_xml *xml, const char *text, size_t len);
void ath__s3_xml_on_close(struct ath__s3_xml *xml);

/* 0, NOMEM, or ATH__S3_XML_NOT_PLAIN: events may have been given already. */
#define ATH__S3_XML_NOT_PLAIN 2
int ath__s3_xml_scan(struct ath__s3_xml *xml, struct ath_slice body);

#endif
