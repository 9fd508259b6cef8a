#include "millrace_xml.h"
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <string.h>

static const xmlNode *in(const millrace_xml_node *node) { return (const xmlNode *)node; }
static millrace_xml_node *out(xmlNode *node) { return (millrace_xml_node *)node; }

millrace_xml *millrace_xml_parse(const void *bytes, size_t count) {
  if (count > INT_MAX) return NULL;
  int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT | XML_PARSE_NOCDATA;
  return (millrace_xml *)xmlReadMemory(bytes, (int)count, NULL, NULL, options);
}

void millrace_xml_free(millrace_xml *document) { xmlFreeDoc((xmlDoc *)document); }

millrace_xml_node *millrace_xml_root(millrace_xml *document) { return out(xmlDocGetRootElement((xmlDoc *)document)); }

int millrace_xml_type(const millrace_xml_node *node) {
  switch (in(node)->type) {
  case XML_ELEMENT_NODE: return MILLRACE_XML_ELEMENT;
  case XML_TEXT_NODE:
  case XML_CDATA_SECTION_NODE: return MILLRACE_XML_TEXT;
  default: return MILLRACE_XML_OTHER;
  }
}

const char *millrace_xml_name(const millrace_xml_node *node) { return (const char *)in(node)->name; }
const char *millrace_xml_text(const millrace_xml_node *node) { return (const char *)in(node)->content; }

char *millrace_xml_attribute(const millrace_xml_node *node, const char *name) {
  if (in(node)->type != XML_ELEMENT_NODE) return NULL;
  for (const xmlAttr *attribute = in(node)->properties; attribute; attribute = attribute->next)
    if (strcmp((const char *)attribute->name, name) == 0)
      return (char *)xmlNodeListGetString(in(node)->doc, attribute->children, 1);
  return NULL;
}

void millrace_xml_free_text(char *text) { xmlFree(text); }

millrace_xml_node *millrace_xml_child(const millrace_xml_node *node) {
  // The children of an entity reference belong to the entity's declaration, so their parent is another node.
  return in(node)->type == XML_ELEMENT_NODE ? out(in(node)->children) : NULL;
}
millrace_xml_node *millrace_xml_next(const millrace_xml_node *node) { return out(in(node)->next); }
millrace_xml_node *millrace_xml_parent(const millrace_xml_node *node) {
  xmlNode *parent = in(node)->parent;
  return parent && parent->type == XML_ELEMENT_NODE ? out(parent) : NULL;
}
