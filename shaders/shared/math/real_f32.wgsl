// One Gaussian an invocation.
alias Real = f32;
