# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cbpf_global_optspecs
    string join \n h/help V/version
end

function __fish_cbpf_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cbpf_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cbpf_using_subcommand
    set -l cmd (__fish_cbpf_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cbpf -n "__fish_cbpf_needs_command" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_needs_command" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "bashreadline" -d 'Trace the command lines that you type into bash'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "bindsnoop" -d 'Trace binds of IPv4 and IPv6 sockets to an address and port'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "biolatency" -d 'Summarize how long block I/O takes, as a histogram'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "biopattern" -d 'Show how much of the I/O of each disk is random, and how much sequential'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "biosnoop" -d 'Trace block I/O: who, where, how much and how long'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "biostacks" -d 'Summarize how long block I/O takes, by process, disk and kernel stack'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "bitesize" -d 'Summarize how large block I/O is, as a histogram for each name'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "cachestat" -d 'Show hits and misses of the page cache, each second'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "cpudist" -d 'Show how long tasks ran each time they were on a CPU, or were off it, as a histogram'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "cpufreq" -d 'Sample the frequency of the CPUs that tasks run on, as a histogram for each name'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "drsnoop" -d 'Trace direct reclaim: tasks that must free memory before they get any'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "execsnoop" -d 'Trace new programs (exec)'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "exitsnoop" -d 'Trace exits of processes: their age and cause'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "filelife" -d 'Trace files that are deleted soon after they were created'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "filetop" -d 'Show the files that are read and written most, by thread'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "fsdist" -d 'Show how long reads, writes, opens, syncs and stats of files take, as histograms'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "fsslower" -d 'Trace slow reads, writes, opens and syncs of files'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "funclatency" -d 'Show how long calls of a function take, in the kernel or in a program, as a histogram'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "gethostlatency" -d 'Trace host name lookups by getaddrinfo and gethostbyname, and how long each took'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "hardirqs" -d 'Sum up the time that handlers of device interrupts take'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "klockstat" -d 'Summarize how long tasks wait for, and hold, the kernel\'s mutexes and semaphores'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "ksnoop" -d 'Trace calls of kernel functions, with their arguments and results'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "llcstat" -d 'Count references to the last-level cache, and misses, by task and CPU'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "mountsnoop" -d 'Trace mount, umount, pivot_root and the calls of the new mount interface'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "numamove" -d 'Count pages that NUMA balancing migrates, each second'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "offcputime" -d 'Summarize how long threads were off the CPU, by stack, the longest last'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "oomkill" -d 'Trace processes that the kernel kills because memory has run out'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "opensnoop" -d 'Trace file opens'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "readahead" -d 'Show how much of what is read ahead is used, and how soon'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "runqlat" -d 'Show how long runnable tasks waited for a CPU (run queue latency), as a histogram'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "runqlen" -d 'Sample the length of the run queues, as a histogram'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "runqslower" -d 'Trace runnable tasks that waited long for a CPU'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "softirqs" -d 'Sum up the time that handlers of softirqs take'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "solisten" -d 'Trace IPv4 and IPv6 sockets that begin to listen'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "statsnoop" -d 'Trace stat, statfs and related calls'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "syscount" -d 'Count system calls, and the time they take'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "tcpconnect" -d 'Trace active TCP connects, or count them'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "tcpconnlat" -d 'Trace TCP connects and how long each took; ERR says why one failed'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "tcprtt" -d 'Summarize the round-trip time of TCP connections, as a histogram'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "tcpsynbl" -d 'Show how full the accept queues of listening TCP sockets are, as a histogram for each backlog'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "vfsstat" -d 'Count reads, writes, opens and other operations on files, each second'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "list" -d 'List the tools'
complete -c cbpf -n "__fish_cbpf_needs_command" -f -a "doctor" -d 'Say which grants are available here, what the kernel supports, and how each tool would run'
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s s -l shared -d 'The library that provides bash with readline, or a shell with another name [default: /bin/bash, or the libreadline.so that it is linked with]' -r -F
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand bashreadline" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s P -l ports -d 'Only these local ports' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s t -l timestamp -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s x -l failed -d 'Include binds that failed'
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand bindsnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s d -l disk -d 'Only this disk' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s T -l timestamp -d 'Print the time of each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s m -l milliseconds -d 'Milliseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s Q -l queued -d 'Include the time in the queue of an I/O scheduler'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s D -l per-disk -d 'A histogram for each disk'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s F -l flag -d 'A histogram for each set of I/O flags'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand biolatency" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s d -l disk -d 'Only this disk' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s T -l timestamp -d 'Print the time of each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand biopattern" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s d -l disk -d 'Only this disk' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s m -l min -d 'Only I/O that took at least this many milliseconds from issue to completion' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s Q -l queued -d 'Also print how long each I/O was in the queue of an I/O scheduler'
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s t -l timestamp -d 'Print the time of day instead of the seconds since the start'
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand biosnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s d -l disk -d 'Only this disk' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s m -l milliseconds -d 'Milliseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand biostacks" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s c -l comm -d 'Only threads whose name begins with this' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s d -l disk -d 'Only this disk' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s T -l timestamp -d 'Print the time of each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand bitesize" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s T -l timestamp -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand cachestat" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s O -l offcpu -d 'Measure the time off the CPU instead: asleep, or waiting for a CPU'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s T -l timestamp -d 'Print the time above each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s m -l milliseconds -d 'Milliseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s P -l pids -d 'A histogram for each process'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s L -l tids -d 'A histogram for each thread'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpudist" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s f -l frequency -d 'Samples per second on each CPU' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand cpufreq" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s e -l extended -d 'Print how much of the machine\'s memory was free when the wait began'
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand drsnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s n -l name -d 'Only programs whose name contains this' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s l -l line -d 'Only command lines that contain this: the file and the arguments, separated by blanks' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l max-args -d 'Print at most this many arguments, the file itself being one of them' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s T -l time -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s t -l timestamp -d 'Print the seconds since the start'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s x -l fails -d 'Include execs that failed'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s q -l quote -d 'Put each argument in double quotes'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s U -l print-uid -d 'Print the uid'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand execsnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s t -l timestamp -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s x -l failed -d 'Only exits with a code other than 0, or by a signal'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s T -l threaded -d 'Print each thread that exits instead of each process'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand exitsnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s F -l full-path -d 'Print the full path, as seen from the task\'s root directory'
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand filelife" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s s -l sort -d 'What to sort by' -r -f -a "all\t'Reads, writes and bytes together'
reads\t'Reads'
writes\t'Writes'
rbytes\t'Bytes read'
wbytes\t'Bytes written'"
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s r -l rows -d 'Print at most this many rows [default: 20, with --json all]' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s C -l noclear -d 'Do not clear the screen'
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s a -l all -d 'Include sockets, pipes and devices'
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cbpf -n "__fish_cbpf_using_subcommand filetop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s t -l type -d 'Only this kind of file system, as mount names it: ext4, xfs, overlay, tmpfs, … [default: all]' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s T -l timestamp -d 'Print the time of each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s m -l milliseconds -d 'Milliseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsdist" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s t -l type -d 'Only this kind of file system, as mount names it: ext4, xfs, overlay, tmpfs, … [default: all]' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s m -l min -d 'Only what takes this many milliseconds or longer; 0: everything' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s c -l csv -d 'Print comma-separated values'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand fsslower" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s i -l interval -d 'Report every SECONDS seconds instead of once at the end' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s m -l milliseconds -d 'Milliseconds instead of nanoseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s u -l microseconds -d 'Microseconds instead of nanoseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s T -l timestamp -d 'Print the time above each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s k -l kprobes -d 'Use kprobes for a kernel function even where trampolines would work'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand funclatency" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s l -l libc -d 'The C library to watch, or a program that has it linked in [default: the one that the process given with -p uses, else this system\'s]' -r -F
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand gethostlatency" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s s -l cpu -d 'Only interrupts on this CPU' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s C -l CPU -d 'Count each CPU by itself'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s d -l distributed -d 'Print histograms instead of sums'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s T -l timestamp -d 'Print the time above each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s N -l nanoseconds -d 'Nanoseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand hardirqs" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s c -l caller -d 'Only locks taken by functions whose name begins with FUNCTION' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s L -l lock -d 'Only the static lock of this name' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s n -l locks -d 'Print at most this many rows of waits, and of holds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s s -l stacks -d 'Functions to print of each stack' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s S -l sort -d 'Sort the waits by acq_max, acq_total or acq_count, and the holds by hld_max, hld_total or hld_count' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s i -l interval -d 'Report every SECONDS seconds instead of once at the end' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s R -l reset -d 'Start again from zero after each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s T -l timestamp -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s P -l per-thread -d 'By thread instead of by the function that takes the lock'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand klockstat" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s P -l pages -d 'Pages of the perf buffer; ignored, since there is none' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s s -l stack -d 'Only calls of each function made within a call of the one before it, and only if the last one was called'
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -l debug -d 'As --verbose'
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand ksnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s c -l sample_period -l sample-period -d 'Take a sample after this many references, and after this many misses' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s t -l tids -d 'Count each thread by itself'
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand llcstat" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s t -l timestamp -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s d -l detailed -d 'Print a block of lines for each call instead of one line, and how long the call took'
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand mountsnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand numamove" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s m -l min-block-time -d 'Only times of at least this many microseconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s M -l max-block-time -d 'Only times of at most this many microseconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l state -d 'Only threads that left the CPU in one of these states, added up: 1 interruptible sleep, 2 uninterruptible sleep, 4 stopped; 0 for those that were still runnable' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l perf-max-stack-depth -d 'At most this many frames per stack' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l stack-storage-size -d 'Room for this many different stacks, of the kernel and of processes' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s u -l user-threads-only -d 'Only threads of processes, no kernel threads'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s k -l kernel-threads-only -d 'Only kernel threads'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s f -l folded -d 'One line per stack, outermost frame first, as flame graph programs read it'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand offcputime" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand oomkill" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s n -l name -d 'Only processes whose name contains this' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s e -l extended-fields -d 'Print the flags and the mode of each open'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s T -l timestamp -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s U -l print-uid -d 'Print the uid'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s x -l failed -d 'Only opens that failed'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s c -l callers -d 'Print the two functions that the open was called from'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s F -l full-path -d 'Print the full path, as seen from the task\'s root directory'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand opensnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand readahead" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s T -l timestamp -d 'Print the time above each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s m -l milliseconds -d 'Milliseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -l pidnss -d 'A histogram for each pid namespace'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s P -l pids -d 'A histogram for each process'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s L -l tids -d 'A histogram for each thread'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlat" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s f -l frequency -d 'Samples per second on each CPU' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s C -l cpus -d 'Count each CPU by itself'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s O -l runqocc -d 'Print the percentage of samples in which any task waited'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s T -l timestamp -d 'Print the time of each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s H -l host -d 'Count the whole queue of the CPU, not that of the task\'s own cgroup (with --scope host)'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqlen" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s c -l comm -d 'Only threads whose name begins with this' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s P -l previous -d 'Also print the task that had the CPU just before; `-` if it is somebody else\'s, or there was none'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand runqslower" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s c -l cpu -d 'Only softirqs on this CPU' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s d -l distributed -d 'Print histograms instead of sums'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s C -l count -d 'Also print how often each ran'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s T -l timestamp -d 'Print the time above each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s N -l nanoseconds -d 'Nanoseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand softirqs" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s t -l timestamp -d 'Print the time'
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand solisten" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s t -l timestamp -d 'Print the seconds since the start'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s x -l failed -d 'Only calls that failed'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s s -l sysname -d 'Print the name of the system call'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand statsnoop" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s i -l interval -d 'Report every SECONDS seconds; 0, the default: once at the end' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s T -l top -d 'Print at most this many rows [default: 10, with --json all]' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s e -l errno -d 'Only calls that failed with this error, a number or a name such as ENOENT' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s x -l failures -d 'Only calls that failed or were interrupted'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s L -l latency -d 'Also measure the time from call to return, and sort by it'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s m -l milliseconds -d 'Print times in milliseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s P -l process -d 'Count by process instead of by system call'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s S -l syscall -d 'With -P: by process and system call'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s l -l list -d 'List the system calls that have a name here'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand syscount" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s P -l port -d 'Only connects to these ports' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s C -l cgroupmap -r -F
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s M -l mntnsmap -r -F
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s t -l timestamp -d 'Print the seconds since the start'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s c -l count -d 'Count connects by addresses and port, and print the counts at the end'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s U -l print-uid -d 'Print the uid'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s s -l source-port -d 'Print the local port; with -c, count by it too'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnect" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s t -l timestamp -d 'Print the seconds since the start'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s L -l lport -d 'Print the local port'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpconnlat" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s i -l interval -d 'Report every SECONDS seconds instead of once at the end' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s p -l lport -d 'Only connections with this local port' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s P -l rport -d 'Only connections with this remote port' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s a -l laddr -d 'Only connections with this local address' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s A -l raddr -d 'Only connections with this remote address' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s T -l timestamp -d 'Print the time above each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s m -l millisecond -d 'Milliseconds instead of microseconds'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s b -l byladdr -d 'A histogram for each local address'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s B -l byraddr -d 'A histogram for each remote address'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s e -l extension -d 'Also print the average'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcprtt" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s T -l timestamp -d 'Print the time above each report'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s 4 -l ipv4 -d 'Only sockets of IPv4'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s 6 -l ipv6 -d 'Only sockets of IPv6'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand tcpsynbl" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -l scope -d 'Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]' -r -f -a "user\t''
container\t''
host\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s p -l pid -d 'Only these processes (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s t -l tid -d 'Only these threads (up to 32, comma separated)' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s u -l uid -d 'Only this user, by number or name' -r -f -a "(__fish_complete_users)"
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s c -l cgroup -d 'Only this cgroup (a directory of cgroup v2) and what is below it' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -l grant -d 'How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available' -r -f -a "auto\t''
token\t''
daemon\t''
strict\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -l token -d 'The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]' -r -f -a "(__fish_complete_directories)"
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s d -l duration -d 'Stop after this many seconds' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -l buffer -d 'Size of the buffer between kernel and reader, with K, M or G' -r
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -l on-loss -d 'What to do if events were lost: `warn`, or `fail` for exit status 5' -r -f -a "warn\t''
fail\t''"
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -l json -d 'One JSON object per line'
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s q -l quiet -d 'Print neither the grant nor the closing counts'
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s v -l verbose -d 'Print messages of libbpf and the verifier'
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand vfsstat" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand list" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand list" -s V -l version -d 'Print version'
complete -c cbpf -n "__fish_cbpf_using_subcommand doctor" -l json -d 'One JSON object'
complete -c cbpf -n "__fish_cbpf_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c cbpf -n "__fish_cbpf_using_subcommand doctor" -s V -l version -d 'Print version'
