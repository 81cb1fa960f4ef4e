// The header is all there is: plugins implement what it declares.
#include "caplet_plugin.h"
