// The header is all there is: the target CInterface defines what it declares.
#include "caplet.h"
