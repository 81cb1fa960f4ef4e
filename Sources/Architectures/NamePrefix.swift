/// What a checkpoint's names have before, or lack at the beginning of, those of its family.
public struct NamePrefix: Equatable, Sendable {
    /// Before all names, the head's among them: what wrappers of training code leave (`module.`, `_orig_mod.`).
    public var wrapper = ""
    /// Before the names of the model itself: what it is called inside one with a head for some task (`transformer.`).
    public var own = ""
    /// What the family's names begin with and these do not: "model." in a checkpoint of the base model alone.
    public var dropped = ""

    /// Wrappers that are known: none, DistributedDataParallel's, torch.compile's, PEFT's, and those of vision-language models.
    static let wrappers = [
        "", "module.", "_orig_mod.", "module._orig_mod.", "base_model.model.", "model.language_model.", "language_model.",
        "model.text_model.",
    ]
    /// What base models drop.
    static let droppable = "model."
    /// What stands in the place of "model." in the language model of a vision-language one.
    private static let replacements = ["model.language_model.", "language_model.", "model.text_model."]

    init(own: String) { self.own = own }

    init(wrapper: String, own: String, dropped: String) { (self.wrapper, self.own, self.dropped) = (wrapper, own, dropped) }

    /// Every prefix that names of a family may have, the usual one first.
    static func candidates(of family: ArchitectureFamily) -> [NamePrefix] {
        let bare = family.prefixes.flatMap { own in wrappers.map { NamePrefix(wrapper: $0, own: own, dropped: "") } }
        guard family.embedding.hasPrefix(droppable) else { return bare.sorted { $0.wrapper.count < $1.wrapper.count } }
        let plain = wrappers.map { NamePrefix(wrapper: $0, own: "", dropped: "") }
        // What may be a wrapper is the language model's own name first: the head stands outside it.
        let base = wrappers.map { NamePrefix(wrapper: $0, own: "", dropped: droppable) }
        let inside = replacements.flatMap { own in wrappers.map { NamePrefix(wrapper: $0, own: own, dropped: droppable) } }
        return plain + base.prefix(1) + inside + base.dropFirst()
    }

    /// A family's name as the checkpoint has it.
    public func applied(to name: String, isOfHead: Bool) -> String {
        if isOfHead { return wrapper + name }
        return wrapper + own + (name.hasPrefix(dropped) ? String(name.dropFirst(dropped.count)) : name)
    }

    /// The family's name for one of the checkpoint's, where that has this prefix.
    func removed(from name: String) -> String? {
        guard name.hasPrefix(wrapper + own) else { return nil }
        return dropped + name.dropFirst(wrapper.count + own.count)
    }

    /// As a key of metadata: the prefix itself where nothing else is different.
    public var text: String { wrapper.isEmpty && dropped.isEmpty ? own : "\(wrapper)|\(own)|\(dropped)" }

    /// Nil for a text that is none of the family's prefixes.
    public init?(_ text: String, of family: ArchitectureFamily) {
        guard let found = NamePrefix.candidates(of: family).first(where: { $0.text == text }) else { return nil }
        self = found
    }
}
