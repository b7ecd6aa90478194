%% The Erlang/OTP row: gen_servers, and the same load generator as src/load.rs in Erlang, since callers are in the process of
%% what they call by. Told what to do line by line, as all others (src/order.rs).
-module(compare).
-behaviour(gen_server).
-export([server/1, client/1, near/0]).
-export([init/1, handle_call/3, handle_cast/2]).

-define(WARM, 0).
-define(MEASURED, 1).
-define(OVER, 2).

%% Buckets of the histogram for each doubling: what is told is within 1/64.
-define(FINE, 64).
-define(BUCKETS, 64 * ?FINE).

init(State) -> {ok, State}.

handle_call({echo, Payload}, _From, Sum) -> {reply, Payload, Sum};
handle_call({add, By}, _From, Sum) -> {reply, Sum + By, Sum + By}.

handle_cast({note, By}, Sum) when is_integer(By) -> {noreply, Sum + By};
handle_cast({note, Payload}, Sum) -> {noreply, Sum + byte_size(Payload)}.

%% Hosts so many gen_servers, each under a name of its own. As the two below it begins a process, since the node has not
%% booted before it returns.
server([Actors]) ->
    spawn(fun() ->
        [{ok, _} = gen_server:start({local, name(I)}, ?MODULE, 0, []) || I <- lists:seq(1, list_to_integer(Actors))],
        io:format("ready here~n"),
        wait()
    end).

wait() ->
    case io:get_line("") of
        eof -> halt(0);
        _ -> wait()
    end.

%% Calls those of the other node.
client([Node]) ->
    spawn(fun() ->
        Server = list_to_atom(Node),
        true = net_kernel:connect_node(Server),
        io:format("ready~n"),
        obey(Server)
    end).

%% Calls gen_servers of its own.
near() ->
    spawn(fun() ->
        io:format("ready~n"),
        obey(none)
    end).

obey(Server) ->
    case io:get_line("") of
        eof ->
            halt(0);
        Line ->
            do(string:lexemes(Line, " \n"), Server),
            obey(Server)
    end.

do(["load", Bench, Case, Callers, Payload, Millis], Server) ->
    Binary = binary:copy(<<90>>, list_to_integer(Payload)),
    {Ops, Turn} = turn(Bench, Binary),
    Whom = whom(Case, Server),
    run(fun(I) -> Turn(Whom(I)) end, Ops, list_to_integer(Callers), list_to_integer(Millis));
do(["spawn", Count], none) ->
    Begun = erlang:monotonic_time(nanosecond),
    [{ok, _} = gen_server:start(?MODULE, 0, []) || _ <- lists:seq(1, list_to_integer(Count))],
    Took = erlang:monotonic_time(nanosecond) - Begun,
    io:format("end ~s 0 ~b 0 0~n", [Count, Took]).

%% What a caller does again and again, and how many operations that is: as in src/load.rs.
turn("remote_call", Payload) ->
    {1, fun(To) -> fun() -> Payload =:= gen_server:call(To, {echo, Payload}) end end};
turn("remote_cast", Payload) ->
    {16, fun(To) -> fun() -> casts(16, To, Payload), is_integer(gen_server:call(To, {add, 1})) end end};
turn("local_call", _) ->
    {64, fun(To) -> fun() -> calls(64, To) end end};
turn("local_cast", _) ->
    {64, fun(To) -> fun() -> casts(64, To, 1), is_integer(gen_server:call(To, {add, 1})) end end}.

casts(0, _, _) -> ok;
casts(N, To, What) -> ok = gen_server:cast(To, {note, What}), casts(N - 1, To, What).

calls(0, _) -> true;
calls(N, To) -> is_integer(gen_server:call(To, {add, 1})) andalso calls(N - 1, To).

whom(_, Server) when Server =/= none ->
    fun(I) -> {name(I), Server} end;
whom("one", none) ->
    {ok, One} = gen_server:start(?MODULE, 0, []),
    fun(_) -> One end;
whom(_, none) ->
    fun(_) -> {ok, Own} = gen_server:start(?MODULE, 0, []), Own end.

name(I) -> list_to_atom("echo_" ++ integer_to_list(I)).

run(Caller, Ops, Callers, Millis) ->
    Phase = atomics:new(1, []),
    Took = counters:new(?BUCKETS, [write_concurrency]),
    Failed = counters:new(1, [write_concurrency]),
    All = [spawn_monitor(fun() -> loop(Caller(I), Ops, Phase, Took, Failed, now_ns()) end) || I <- lists:seq(1, Callers)],
    timer:sleep(max(250, Millis div 4)),
    io:format("begin~n"),
    Begun = now_ns(),
    atomics:put(Phase, 1, ?MEASURED),
    timer:sleep(Millis),
    atomics:put(Phase, 1, ?OVER),
    Window = now_ns() - Begun,
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- All],
    Counts = [counters:get(Took, I) || I <- lists:seq(1, ?BUCKETS)],
    Turns = lists:sum(Counts),
    io:format("end ~b ~b ~b ~b ~b~n",
              [Turns * Ops, counters:get(Failed, 1), Window, at(Counts, Turns * 0.5), at(Counts, Turns * 0.99)]).

loop(Turn, Ops, Phase, Took, Failed, Begun) ->
    Good = Turn(),
    Now = now_ns(),
    case atomics:get(Phase, 1) of
        ?OVER ->
            ok;
        ?MEASURED ->
            counters:add(Took, bucket((Now - Begun) div Ops), 1),
            Good orelse counters:add(Failed, 1, 1),
            loop(Turn, Ops, Phase, Took, Failed, Now);
        ?WARM ->
            loop(Turn, Ops, Phase, Took, Failed, Now)
    end.

now_ns() -> erlang:monotonic_time(nanosecond).

bucket(Ns) -> bucket(Ns, 0).

bucket(Ns, Doublings) when Ns < 2 * ?FINE -> Doublings * ?FINE + Ns + 1;
bucket(Ns, Doublings) -> bucket(Ns bsr 1, Doublings + 1).

at(Counts, Rank) -> at(Counts, Rank, 1).

at([Count | Rest], Rank, I) when Count < Rank, Rest =/= [] -> at(Rest, Rank - Count, I + 1);
at(_, _, I) -> value(I - 1, 0).

value(Index, Doublings) when Index < 2 * ?FINE -> Index bsl Doublings;
value(Index, Doublings) -> value(Index - ?FINE, Doublings + 1).
