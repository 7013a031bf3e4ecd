/*
 * The plain shape: S3's declaration or none, S3's namespace on the root or none, names of ASCII
 * letters, no attributes, texts of visible ASCII with the entities that XML predefines. All of it
 * means to expat what it means here; what is not plain is left to expat.
 */
#include "aws/s3_xml.h"
#include "base/ascii.h"

#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

struct scan {
    struct ath__s3_xml *xml;
    const char *p, *end;
    struct ath_slice open[ATH__S3_XML_DEPTH_MAX + 1]; /* by depth */
};

static bool skip(struct scan *scan, const char *text, size_t len) {
    if ((size_t)(scan->end - scan->p) < len || memcmp(scan->p, text, len) != 0)
        return false;
    scan->p += len;
    return true;
}

static void skip_blanks(struct scan *scan) {
    while (scan->p < scan->end && (*scan->p == ' ' || *scan->p == '\n' || *scan->p == '\t'))
        scan->p++;
}

static bool is_plain(char c) {
    return (c >= ' ' && c <= '~' && c != '<' && c != '>' && c != '&') || c == '\n' || c == '\t';
}

/* Past the run of characters that stand for themselves; eight at a time where none is odd. */
static const char *find_special(const char *p, const char *end) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (uint64_t word; end - p >= 8; p += 8) {
        memcpy(&word, p, 8);
        uint64_t angle = (word & ~(ones * 2)) ^ (ones * '<'); /* '>' is one bit from it */
        uint64_t ampersand = word ^ (ones * '&');
        uint64_t odd = ((angle - ones) & ~angle) | ((ampersand - ones) & ~ampersand) |
                       ((word - ones * 0x20) & ~word) | word | (word + ones);
        if (odd & highs)
            break;
    }
    while (p < end && is_plain(*p))
        p++;
    return p;
}

/* At a '&'. */
static bool take_entity(struct scan *scan) {
    static const struct {
        const char *text;
        size_t len;
        char c;
    } entities[] = {
        {"&quot;", 6, '"'},
        {"&amp;", 5, '&'},
        {"&#34;", 5, '"'},
        {"&#39;", 5, '\''},
        {"&lt;", 4, '<'},
        {"&gt;", 4, '>'},
        {"&apos;", 6, '\''},
    };
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (skip(scan, entities[i].text, entities[i].len)) {
            ath__s3_xml_on_text(scan->xml, &entities[i].c, 1);
            return true;
        }
    return false;
}

/* Up to the next '<'. */
static bool take_text(struct scan *scan) {
    while (scan->p < scan->end && *scan->p != '<') {
        const char *end = find_special(scan->p, scan->end);
        if (end > scan->p)
            ath__s3_xml_on_text(scan->xml, scan->p, (size_t)(end - scan->p));
        else if (*end != '&' || !take_entity(scan))
            return false;
        else
            end = scan->p;
        scan->p = end;
    }
    return scan->p < scan->end;
}

static struct ath_slice take_name(struct scan *scan) {
    const char *start = scan->p;
    while (scan->p < scan->end && ath__is_alnum(*scan->p) && !ath__is_digit(*start))
        scan->p++;
    return ath__slice(start, (size_t)(scan->p - start));
}

/* Behind "</". */
static bool take_end(struct scan *scan) {
    struct ath_slice name = scan->open[scan->xml->depth];
    if (!skip(scan, name.ptr, name.len) || !skip(scan, ">", 1))
        return false;
    ath__s3_xml_on_close(scan->xml);
    return true;
}

/* Behind '<'. */
static bool take_start(struct scan *scan) {
    struct ath_slice name = take_name(scan);
    bool is_root = scan->xml->depth == 0;
    if (name.len == 0)
        return false;
    if (is_root)
        skip(scan, NAMESPACE, sizeof NAMESPACE - 1);
    bool is_empty = skip(scan, "/", 1);
    if (!skip(scan, ">", 1))
        return false;
    ath__s3_xml_on_open(scan->xml, name);
    if (scan->xml->rc)
        return false;
    scan->open[scan->xml->depth] = name;
    if (is_empty)
        ath__s3_xml_on_close(scan->xml);
    return true;
}

static bool scan_all(struct scan *scan) {
    skip(scan, DECLARATION, sizeof DECLARATION - 1);
    skip_blanks(scan);
    do {
        bool is_well = skip(scan, "</", 2) ? scan->xml->depth > 0 && take_end(scan)
                                           : skip(scan, "<", 1) && take_start(scan);
        if (!is_well || scan->xml->rc)
            return false;
        if (scan->xml->depth > 0 && !take_text(scan))
            return false;
    } while (!scan->xml->rc && scan->xml->depth > 0);
    skip_blanks(scan);
    return scan->p == scan->end;
}

int ath__s3_xml_scan(struct ath__s3_xml *xml, struct ath_slice body) {
    struct scan scan = {.xml = xml, .p = body.ptr, .end = body.ptr + body.len};
    bool is_whole = scan_all(&scan);
    if (xml->rc == ATH_ERR_NOMEM)
        return xml->rc;
    return is_whole && !xml->rc ? 0 : ATH__S3_XML_NOT_PLAIN;
}
