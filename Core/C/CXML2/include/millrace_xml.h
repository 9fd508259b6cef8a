#pragma once
#include <stddef.h>

// libxml2's headers include ICU's, which conflict with the copy inside Swift's Foundation. So Swift sees only
// these functions.
typedef struct millrace_xml millrace_xml;
typedef struct millrace_xml_node millrace_xml_node;

enum { MILLRACE_XML_OTHER = 0, MILLRACE_XML_ELEMENT = 1, MILLRACE_XML_TEXT = 2 };

/// Parses XML. External entities and document types are not loaded, and nothing is fetched. Returns NULL when the bytes
/// are not well-formed XML, or elements nest more than 256 deep.
millrace_xml *millrace_xml_parse(const void *bytes, size_t count);
void millrace_xml_free(millrace_xml *document);
millrace_xml_node *millrace_xml_root(millrace_xml *document);
int millrace_xml_type(const millrace_xml_node *node);
/// The name of an element without its prefix, zero-terminated.
const char *millrace_xml_name(const millrace_xml_node *node);
/// The text of a text node; may be NULL.
const char *millrace_xml_text(const millrace_xml_node *node);
/// The value of an attribute, whatever its prefix; NULL when it is missing. Free it with `millrace_xml_free_text`.
char *millrace_xml_attribute(const millrace_xml_node *node, const char *name);
void millrace_xml_free_text(char *text);
millrace_xml_node *millrace_xml_child(const millrace_xml_node *node);
millrace_xml_node *millrace_xml_next(const millrace_xml_node *node);
millrace_xml_node *millrace_xml_parent(const millrace_xml_node *node);
