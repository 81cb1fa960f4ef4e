/// A hash table from the bytes of a piece to its id, looked up by spans of text without copying them.
struct PieceTable: Sendable {
    private var slots: [Int32]
    private var starts: [Int]
    private var storage: [UInt8]
    private let mask: Int
    /// The first two ids found with the same bytes; the lower one is kept.
    private(set) var duplicate: (Int32, Int32)?

    /// Enters the pieces that `belongs` accepts, each under its position.
    init(_ pieces: [Piece], where belongs: (Piece) -> Bool) {
        var capacity = 16
        while capacity < pieces.count * 2 { capacity *= 2 }
        slots = [Int32](repeating: -1, count: capacity)
        mask = capacity - 1
        starts = [0]
        starts.reserveCapacity(pieces.count + 1)
        storage = []
        for piece in pieces {
            storage.append(contentsOf: piece.text.utf8)
            starts.append(storage.count)
        }
        for id in pieces.indices where belongs(pieces[id]) { insert(Int32(id)) }
    }

    private mutating func insert(_ id: Int32) {
        let range = starts[Int(id)]..<starts[Int(id) + 1]
        let (slot, found) = storage.withUnsafeBufferPointer { probe($0, range, in: $0) }
        if let found {
            if duplicate == nil { duplicate = (found, id) }
        } else {
            slots[slot] = id
        }
    }

    /// The id of the piece with the bytes `text[range]`.
    @inline(__always)
    func id(of range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Int32? {
        storage.withUnsafeBufferPointer { probe(text, range, in: $0).found }
    }

    func id(of text: ArraySlice<UInt8>) -> Int32? {
        text.withUnsafeBufferPointer { id(of: 0..<$0.count, in: $0) }
    }

    func id(of text: String) -> Int32? { id(of: Array(text.utf8)[...]) }

    @inline(__always)
    private func probe(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, in storage: UnsafeBufferPointer<UInt8>
    ) -> (slot: Int, found: Int32?) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
        for i in range { hash = (hash ^ UInt64(text[i])) &* 0x100_0000_01b3 }
        var slot = Int(truncatingIfNeeded: hash ^ (hash >> 29)) & mask
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if equal(text, range, storage, starts[id], starts[id + 1]) { return (slot, Int32(id)) }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    @inline(__always)
    private func equal(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ storage: UnsafeBufferPointer<UInt8>,
        _ start: Int, _ end: Int
    ) -> Bool {
        guard end - start == range.count else { return false }
        for i in 0..<range.count where text[range.lowerBound + i] != storage[start + i] { return false }
        return true
    }
}
