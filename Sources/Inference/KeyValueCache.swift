import Architectures
import Execution

/// Keys and values of the tokens that a decoder has run, block by block; what one more token needs of those before it.
///
/// Memory grows with the sequence, by halves, up to the context. Of blocks with state spaces these are what is kept, which do not grow.
public final class KeyValueCache {
    /// Tokens that were run.
    public private(set) var count = 0
    /// These, where a longer sequence may need them again.
    private(set) var tokens: [Int32] = []
    /// How long the sequence was to be when the last of them were run.
    private(set) var length = 0
    private let keepsTokens: Bool
    /// Most tokens that there may be.
    public let context: Int
    /// Floats of a token's keys, and of its values.
    let width: Int
    let valueWidth: Int
    let team: WorkerTeam
    /// Nil for models without state spaces.
    let recurrent: RecurrentStates?
    /// [capacity, kvHeads × headSize] and [capacity, kvHeads × valueSize] each, one a block with attention.
    private(set) var keys: [UnsafeMutablePointer<Float>]
    private(set) var values: [UnsafeMutablePointer<Float>]
    /// Room for the scores of one head and position, [workers, capacity].
    private var scores: UnsafeMutablePointer<Float>
    private var capacity = 0
    /// The place of each block among those of its kind.
    let places: [Int]

    private static let leastCapacity = 32

    /// - Parameters:
    ///   - context: most tokens of prompt and answer together, at least 1.
    ///   - team: the threads that attention runs on.
    public init(_ configuration: ModelConfiguration, context: Int, team: WorkerTeam) {
        self.context = max(context, 1)
        self.team = team
        width = configuration.keyValueHeadCount * configuration.headSize
        valueWidth = configuration.keyValueHeadCount * configuration.valueSize
        keepsTokens = configuration.ropeScaling.lengthLimit != nil
        var (attentions, spaces, places) = (0, 0, [Int]())
        for block in 0..<configuration.blockCount {
            switch configuration.parts(inBlock: block).mixer {
            case .none: places.append(0)
            case .attention:
                places.append(attentions)
                attentions += 1
            case .stateSpace:
                places.append(spaces)
                spaces += 1
            }
        }
        self.places = places
        recurrent = spaces == 0 ? nil : configuration.stateSpace.map { RecurrentStates($0, blocks: spaces) }
        keys = []
        values = []
        scores = .allocate(capacity: 1)
        for _ in 0..<attentions {
            keys.append(.allocate(capacity: 1))
            values.append(.allocate(capacity: 1))
        }
    }

    deinit { (keys + values + [scores]).forEach { $0.deallocate() } }

    /// Bytes that keys and values, or states, take.
    public var byteCount: Int {
        (recurrent?.byteCount ?? 0) + keys.count * capacity * (width + valueWidth) * MemoryLayout<Float>.size
    }

    /// Makes room for so many more tokens.
    ///
    /// - Throws: `ModelError.contextFull` when they do not fit in the context.
    func reserve(_ more: Int) throws {
        guard more <= context - count else { throw ModelError.contextFull(tokens: count + more, context: context) }
        guard !keys.isEmpty, count + more > capacity else { return }
        let grown = min(context, max(count + more, capacity + capacity / 2, KeyValueCache.leastCapacity))
        func regrow(_ rows: UnsafeMutablePointer<Float>, _ width: Int) -> UnsafeMutablePointer<Float> {
            let larger = UnsafeMutablePointer<Float>.allocate(capacity: grown * width)
            larger.update(from: rows, count: min(count, capacity) * width)
            rows.deallocate()
            return larger
        }
        for block in keys.indices {
            keys[block] = regrow(keys[block], width)
            values[block] = regrow(values[block], valueWidth)
        }
        scores.deallocate()
        scores = .allocate(capacity: team.count * grown)
        capacity = grown
    }

    /// Counts tokens that all blocks have run.
    func advance(by tokens: [Int32], length: Int) {
        count += tokens.count
        if keepsTokens { self.tokens += tokens }
        self.length = length
        recurrent?.advance()
    }

    /// Forgets all tokens from `count` on, so that others can follow. Of states, which no token can be taken out of, all tokens are forgotten then:
    /// `count` says how many are left.
    public func truncate(to count: Int) {
        guard count < self.count else { return }
        self.count = recurrent == nil ? max(count, 0) : 0
        tokens.removeLast(max(tokens.count - self.count, 0))
        recurrent?.forget()
    }

    func scores(ofWorker worker: Int) -> UnsafeMutablePointer<Float> { scores + worker * capacity }

    /// The rows of one block.
    subscript(block: Int) -> CachedBlock { CachedBlock(cache: self, place: places[block]) }
}

/// The keys and values of one block, of the tokens before those that are being run.
package struct CachedBlock {
    let cache: KeyValueCache
    /// Among the blocks of its kind.
    let place: Int

    /// The position of the first token that is being run.
    var start: Int { cache.count }
    /// What is before the tokens that are being run, and what comes after them, of a block with a state space.
    var recurrent: (before: RecurrentStates.Pair, after: RecurrentStates.Pair)? {
        cache.recurrent.map { ($0.before(place), $0.after(place)) }
    }
    var keys: UnsafeMutablePointer<Float> { cache.keys[place] }
    var values: UnsafeMutablePointer<Float> { cache.values[place] }

    /// Puts the keys and values of the tokens that are being run after the others.
    func append(keys: UnsafePointer<Float>, values: UnsafePointer<Float>, tokens: Int) {
        (self.keys + start * cache.width).update(from: keys, count: tokens * cache.width)
        (self.values + start * cache.valueWidth).update(from: values, count: tokens * cache.valueWidth)
    }
}
