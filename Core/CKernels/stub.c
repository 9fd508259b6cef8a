int CKernels_unused;
