#pragma once
// The library `millrace-sandbox` exports nothing. Preloaded into another's program, it sets the sandbox's second filter
// before the program's main begins.
