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
OTHER_READS = 20
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
CORE_SLOTS = 48

# ---- a row of the table of regions
REGION_LOW, REGION_HIGH, REGION_HOST, REGION_FLAGS, REGION_INIT, REGION_WRITES, REGION_READS = range(7)
REGION_SLOTS = 8
READ_ONLY = 1

# ---- the frame of a warp: slots, then arrays of one int32 a lane, then registers
INDEX, LIVE, PARKED, STATUS, TIME, BARRIER, PENDING, RESULT, INITIAL, PENDING_FIRST, PENDING_END, SITE = range(12)
PC = 128
TID_X = 256
TID_Y = 384
TID_Z = 512
GROUP = 640
REGISTERS = 768

RUNNING, WAITING, DONE = range(3)

# ---- a row of the table of barriers
ARRIVED, EXPECTED, WAITERS, VALUE = range(4)
BARRIER_CLOCK = 4
BARRIER_SLOTS = 4 + LANES
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

# ---- kinds of access
READ, WRITE, ATOMIC = range(3)

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
