"""Memory layout of the state of a running grid, shared by the translator and the runtime.

A *core* is the state of one CPU thread, which runs one thread block at a time. Slots are int64.
"""

LANES = 32

# ---- slots of a core
GRID = 0  # x, y, z
BLOCK = 3  # x, y, z
CTAID = 6  # x, y, z
THREADS = 9
WARPS = 10
PARAMS = 11
REGIONS = 12
REGION_COUNT = 13
SHARED = 14
SHARED_TABLE = 15
SHARED_COUNT = 16
SHARED_GRANULE = 17  # log2 of bytes
WRITES = 18
READS = 19
STRONG = 20
LOCAL = 21
LOCAL_BYTES = 22
ERROR = 23
ERROR_SITE = 24
ERROR_THREAD = 25
ERROR_ADDRESS = 26
ERROR_OTHER = 27
CHECK = 28
SITE_METER = 29
BLOCK_METER = 30
TURN_LEFT = 31
BUDGET = 32
BLOCK_ID = 33
SEED = 34
GLOBAL_GRANULE = 35
CLOCK = 36
LOCK = 37
ADVANCE = 38
FRAMES = 39
FRAME_BYTES = 40
BARRIERS = 41
SEEN = 42
SHARED_BYTES = 43
DYNAMIC_BYTES = 44
FIRST_ERROR = 45
ERROR_BYTES = 46
ERROR_BLOCK = 47
NOW = 48  # memory instructions executed by the block
LAST_SYNC = 49  # time of the last synchronization of any two of its threads
DATA = 50  # values of the store being executed, its bytes an element
ELEMENT = 51
SOFT = 52  # a read of unwritten shared memory, reported unless it proves to be part of a race

SITE_LINES = 60  # table of sites: line of the source, and whether threads may exit before a barrier
POOL = 61  # pool of releases and acquisitions, 0 without memory fences
FLUSHED = 62  # two matrices like SEEN: what fences of the block, and of the device, have made visible
FENCES = 63  # two times a thread: its last fence of the block, and of the device
ACQUIRED = 64  # the block's last acquisition
SYNC = 65  # shared memory: the last release at each granule
LOCAL_INIT = 66
LEFT = 68  # basic blocks left of the budget
RELEASE_SLOT = 69  # where the latest strong access would release
FRUITLESS = 70  # strong accesses in succession that changed nothing
PAUSE = 71  # number of those at which the block gives way
POLLS = 72  # those of the current turn
CUT = 73  # basic blocks left of a turn that polling has ended
WAITS = 74  # whether the block has given way
LAST_BARRIER = 75  # time of the last barrier of all threads
LANE_SEEN = 76  # a vector clock a lane, as barriers of a part of a warp advance it; 0 until there is one
LANE_CLOCKS = 77  # memory of those clocks
CORE_SLOTS = 80

# ---- a row of the table of regions
REGION_LOW, REGION_HIGH, REGION_HOST, REGION_FLAGS, REGION_INIT, REGION_WRITES, REGION_READS = range(7)
REGION_STRONG, REGION_SYNC = 7, 8
REGION_SLOTS = 10
READ_ONLY = 1

# ---- the frame of a warp: slots, then arrays of one int32 a lane, then registers
INDEX, LIVE, PARKED, STATUS, TIME, BARRIER, PENDING, RESULT, INITIAL, PENDING_FIRST, PENDING_END, SITE = range(12)
LAST_SITE, PREFERRED, RETRIED = 12, 13, 14
PC = 128
TID_X = 256
TID_Y = 384
TID_Z = 512
GROUP = 640
EXIT_SITE = 768
ORIGIN = 896  # the shuffle that gave a lane an undefined value, from 1
REGISTERS = 1024

RUNNING, WAITING, DONE = range(3)

# ---- a row of the table of barriers
ARRIVED, EXPECTED, WAITERS, VALUE, ARRIVED_AT = range(5)  # ARRIVED_AT: site of the first arrival, from 1
BARRIER_CLOCK = 5
BARRIER_SLOTS = 5 + 3 * LANES
BARRIER_COUNT = 16

# ---- return values of a basic block besides the number of the next one
SCATTERED = -1  # every lane's program counter has been stored
YIELD = -2

# ---- addresses: bits 40 and up select the buffer, so that an index out of range cannot reach another buffer
SPACE_SHIFT = 40
MIDDLE = 1 << 39
SHARED_WINDOW = 1
LOCAL_WINDOW = 2
FIRST_REGION = 3
SHARED_SHIFT = 24
SHARED_MASK = (1 << SHARED_SHIFT) - 1

# ---- kinds of access: plain ones; strong ones, which are atomics and volatile, relaxed, acquire and release accesses
READ, WRITE, ATOMIC, EXCHANGE, STRONG_READ, STRONG_WRITE = range(6)
SCATTERED_ATOMIC = 8  # flag of an atomic whose address depends on data

# ---- counters of one memory instruction: requests, active lanes, wavefronts or sectors, their minimum, bytes requested
REQUESTS, LANES_ACTIVE, PASSES, LEAST, BYTES = range(5)
METER_SLOTS = 5

# ---- a cp.async copy in flight
COPY_MASK = 0
COPY_SIZE = 8
COPY_SITE = 16
COPY_DESTINATION = 64
COPY_SOURCE = COPY_DESTINATION + 8 * LANES
COPY_BYTES = COPY_SOURCE + 8 * LANES
COPY_GROUP = COPY_BYTES + 8 * LANES
COPY_STRIDE = COPY_GROUP + 8 * LANES
COPIES = 256

# ---- the pool of releases and acquisitions
POOL_NEXT, POOL_END, POOL_QUERY, POOL_STACK, POOL_FULL = range(5)
POOL_HEAD = 8
POOL_WORDS = 1 << 22
CTA, GPU = range(2)  # scopes of a fence
