int CChecksum_unused;
