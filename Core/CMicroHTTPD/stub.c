int CMicroHTTPD_unused;
