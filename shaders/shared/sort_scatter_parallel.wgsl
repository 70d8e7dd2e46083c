// sort_scatter.wgsl, one workgroup a block: ranks within the block come from subgroup ballots, or without subgroups
// from a scan of packed counters.
//#use SUBGROUPS ? sort_rank_subgroups : sort_rank_plain
