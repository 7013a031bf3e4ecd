#include "aws/s3_xml.h"

#include "base/alloc.h"
#include "base/err.h"

#include <expat.h>
#include <limits.h>
#include <stdio.h>

/* The root is in the first piece, so that an answer of another kind costs no more than it. */
#define FIRST_PIECE 4096

static const XML_Memory_Handling_Suite memory = {ath__alloc, ath__realloc, ath__free};

int ath__s3_xml_refuse(struct ath__s3_xml *xml, const char *wrong) {
    snprintf(xml->wrong, sizeof xml->wrong, "%s", wrong);
    return ATH_ERR_PROTOCOL;
}

/* -- events ------------------------------------------------------------------------------------ */

static void stop(struct ath__s3_xml *xml, int rc) {
    if (xml->rc)
        return;
    xml->rc = rc;
    if (xml->parser)
        XML_StopParser(xml->parser, XML_FALSE);
}

static unsigned hash(struct ath_slice name) {
    unsigned first = (unsigned char)name.ptr[0], last = (unsigned char)name.ptr[name.len - 1];
    return (first * 5 + last * 3 + (unsigned)name.len * 7) & 63;
}

static void index_names(struct ath__s3_xml *xml) {
    for (uint8_t id = 1; xml->names[id - 1]; id++) {
        struct ath_slice name = ath__slice_str(xml->names[id - 1]);
        unsigned at = hash(name);
        xml->lens[id] = (uint8_t)name.len;
        xml->links[id] = xml->heads[at];
        xml->heads[at] = id;
    }
}

static int find_id(const struct ath__s3_xml *xml, struct ath_slice name) {
    int id = name.len > 0 ? xml->heads[hash(name)] : 0;
    while (id && (name.len != xml->lens[id] || memcmp(name.ptr, xml->names[id - 1], name.len)))
        id = xml->links[id];
    return id;
}

void ath__s3_xml_on_open(struct ath__s3_xml *xml, struct ath_slice name) {
    if (xml->depth == ATH__S3_XML_DEPTH_MAX) {
        stop(xml, ath__s3_xml_refuse(xml, "its elements are nested too deep"));
        return;
    }
    int id = find_id(xml, name);
    xml->path[++xml->depth] = id;
    xml->texts.len = xml->kept;
    xml->is_leaf = true;
    int rc = xml->open(xml, id);
    if (rc)
        stop(xml, rc);
}

void ath__s3_xml_on_text(struct ath__s3_xml *xml, const char *text, size_t len) {
    if (!xml->is_leaf || xml->path[xml->depth] == 0)
        return;
    if (len > ATH__S3_XML_TEXT_MAX - (xml->texts.len - xml->kept)) {
        stop(xml, ath__s3_xml_refuse(xml, "an element's text is too long"));
        return;
    }
    int rc = ath__buf_add(&xml->texts, text, len);
    if (rc)
        stop(xml, rc);
}

void ath__s3_xml_on_close(struct ath__s3_xml *xml) {
    struct ath_slice text = {NULL, 0};
    if (xml->is_leaf && xml->texts.len > xml->kept)
        text = ath__slice(xml->texts.ptr + xml->kept, xml->texts.len - xml->kept);
    int rc = xml->close(xml, xml->path[xml->depth], text);
    if (rc) {
        stop(xml, rc);
        return;
    }
    xml->texts.len = xml->kept;
    xml->is_leaf = false;
    xml->depth--;
}

/* -- expat ------------------------------------------------------------------------------------- */

/* expat may call once more after a stop: for an empty element, or the rest of a text. */
static void XMLCALL on_open(void *user, const XML_Char *name, const XML_Char **attributes) {
    struct ath__s3_xml *xml = user;
    (void)attributes;
    const char *colon = strchr(name, ':');
    if (!xml->rc)
        ath__s3_xml_on_open(xml, ath__slice_str(colon ? colon + 1 : name));
}

static void XMLCALL on_text(void *user, const XML_Char *text, int len) {
    struct ath__s3_xml *xml = user;
    if (!xml->rc)
        ath__s3_xml_on_text(xml, text, (size_t)len);
}

static void XMLCALL on_close(void *user, const XML_Char *name) {
    struct ath__s3_xml *xml = user;
    (void)name;
    if (!xml->rc)
        ath__s3_xml_on_close(xml);
}

static void XMLCALL on_doctype(
    void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int has_dtd) {
    struct ath__s3_xml *xml = user;
    (void)name;
    (void)system;
    (void)public;
    (void)has_dtd;
    stop(xml, ath__s3_xml_refuse(xml, "it has a document type"));
}

static void XMLCALL on_entity(
    void *user,
    const XML_Char *name,
    int is_parameter,
    const XML_Char *value,
    int value_len,
    const XML_Char *base,
    const XML_Char *system,
    const XML_Char *public,
    const XML_Char *notation) {
    struct ath__s3_xml *xml = user;
    (void)name;
    (void)is_parameter;
    (void)value;
    (void)value_len;
    (void)base;
    (void)system;
    (void)public;
    (void)notation;
    stop(xml, ath__s3_xml_refuse(xml, "it declares an entity"));
}

/* Two pieces, no more: a token cut by their border is scanned twice, not once for each piece. */
static int feed(struct ath__s3_xml *xml, struct ath_slice body) {
    size_t first = body.len > FIRST_PIECE ? FIRST_PIECE : body.len;
    enum XML_Status status =
        XML_Parse(xml->parser, body.ptr, (int)first, first == body.len ? XML_TRUE : XML_FALSE);
    if (status == XML_STATUS_OK && first < body.len)
        status = XML_Parse(xml->parser, body.ptr + first, (int)(body.len - first), XML_TRUE);
    if (xml->rc || status == XML_STATUS_OK)
        return xml->rc;
    enum XML_Error code = XML_GetErrorCode(xml->parser);
    if (code == XML_ERROR_NO_MEMORY)
        return ATH_ERR_NOMEM;
    return ath__s3_xml_refuse(xml, XML_ErrorString(code));
}

static int parse(struct ath__s3_xml *xml, struct ath_slice body) {
    xml->parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
    if (!xml->parser)
        return ATH_ERR_NOMEM;
    XML_SetUserData(xml->parser, xml);
    XML_SetElementHandler(xml->parser, on_open, on_close);
    XML_SetCharacterDataHandler(xml->parser, on_text);
    XML_SetStartDoctypeDeclHandler(xml->parser, on_doctype);
    XML_SetEntityDeclHandler(xml->parser, on_entity);
    return feed(xml, body);
}

/* -- both -------------------------------------------------------------------------------------- */

static int read_all(struct ath__s3_xml *xml, struct ath_slice body) {
    if (body.len > INT_MAX)
        return ath__s3_xml_refuse(xml, "it is too long");
    index_names(xml);
    /* No element's text is longer than what it is written as. */
    ath__buf_init(&xml->texts, body.len + 1);
    if (ath__buf_reserve(&xml->texts, body.len + 1))
        return ATH_ERR_NOMEM;
    int rc = xml->reset ? ath__s3_xml_scan(xml, body) : ATH__S3_XML_NOT_PLAIN;
    if (rc != ATH__S3_XML_NOT_PLAIN)
        return rc;
    if (xml->reset)
        xml->reset(xml);
    xml->rc = xml->depth = 0;
    xml->kept = xml->texts.len = 0;
    return parse(xml, body);
}

int ath__s3_xml_read(struct ath__s3_xml *xml, struct ath_slice body, struct ath_error *err) {
    /* Blanks keep a connection alive while S3 works; some servers send them before the XML. */
    body = ath__slice_trim(body);
    int rc = read_all(xml, body.len > 0 ? body : ath__slice("", 0));
    if (rc == ATH_ERR_NOMEM)
        return ath__err_nomem(err);
    if (rc != ATH_ERR_PROTOCOL)
        return rc;
    if (!xml->parser)
        return ath__err_set(err, rc, "S3's answer cannot be read: %s", xml->wrong);
    return ath__err_set(
        err,
        rc,
        "S3's answer cannot be read at byte %lld: %s",
        (long long)XML_GetCurrentByteIndex(xml->parser),
        xml->wrong);
}

void ath__s3_xml_clear(struct ath__s3_xml *xml) {
    if (xml->parser)
        XML_ParserFree(xml->parser);
    xml->parser = NULL;
    ath__buf_clear(&xml->texts);
}
