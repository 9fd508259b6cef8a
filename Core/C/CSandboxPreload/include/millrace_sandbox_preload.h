#pragma once
// The library `millrace-sandbox` exports nothing. Preloaded into a program that is not ours, it sets the sandbox's
// second filter before the program's main begins.
