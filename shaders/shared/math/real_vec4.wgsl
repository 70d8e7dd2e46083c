// Four neighbouring Gaussians an invocation.
alias Real = vec4f;
