import Execution

/// What happens while a request is carried out.
public enum Event: Sendable, Equatable {
    /// A piece of the work begins, one of several, of which what follows are stages.
    case entered(WorkMark)
    /// A stage begins: `total` units ("tensors", "steps", "sequences") of work.
    case began(stage: String, total: Int, unit: String)
    /// So many units of the stage under way are done; the remark is on the latest of them, such as a tensor's name.
    case advanced(by: Int, remark: String)
    /// The stage under way has ended.
    case ended
    /// Something that could not be kept, or looks wrong; with what would avoid it, where something would.
    case warning(String, remedy: Remedy?)
    /// Something worth knowing, such as that a run goes on from what an earlier one has finished.
    case note(String)
    /// Something for whoever wants to know all.
    case detail(String)
}
