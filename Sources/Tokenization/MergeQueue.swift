/// A binary heap of candidate merges: the lowest rank first, the leftmost among equals.
struct MergeQueue {
    struct Candidate {
        let key: UInt64
        let length: Int
        let leftLength: Int
        let id: Int32

        /// `left` is the position of the left symbol, `length` the bytes of both.
        init(rank: Int32, left: Int32, length: Int, leftLength: Int, id: Int32) {
            key = UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(UInt32(bitPattern: left))
            self.length = length
            self.leftLength = leftLength
            self.id = id
        }

        var left: Int32 { Int32(truncatingIfNeeded: key) }
    }

    private var heap: [Candidate] = []

    mutating func push(_ candidate: Candidate) {
        heap.append(candidate)
        heap.withUnsafeMutableBufferPointer { heap in
            var i = heap.count - 1
            while i > 0, candidate.key < heap[(i - 1) / 2].key {
                heap[i] = heap[(i - 1) / 2]
                i = (i - 1) / 2
            }
            heap[i] = candidate
        }
    }

    mutating func pop() -> Candidate? {
        guard let last = heap.popLast() else { return nil }
        guard let first = heap.first else { return last }
        heap.withUnsafeMutableBufferPointer { heap in
            var i = 0
            while true {
                var child = 2 * i + 1
                guard child < heap.count else { break }
                if child + 1 < heap.count, heap[child + 1].key < heap[child].key { child += 1 }
                guard heap[child].key < last.key else { break }
                heap[i] = heap[child]
                i = child
            }
            heap[i] = last
        }
        return first
    }
}
